package dev.caisson.ttrpc;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.MessageLite;

/**
 * {@code google.protobuf.Any} as containerd's typeurl package writes it: the type URL of a message is its bare full name,
 * without {@code type.googleapis.com/}. Runtime-spec values travel as JSON under URLs of their own.
 */
public final class AnyTypes {
    private static final String RUNTIME_SPEC = "types.containerd.io/opencontainers/runtime-spec/1/";

    /** JSON of a runtime-spec Spec (config.json). */
    public static final String SPEC = RUNTIME_SPEC + "Spec";

    /** JSON of a runtime-spec Process. */
    public static final String PROCESS = RUNTIME_SPEC + "Process";

    /** JSON of a runtime-spec LinuxResources. */
    public static final String LINUX_RESOURCES = RUNTIME_SPEC + "LinuxResources";

    /** JSON of a runtime-spec WindowsResources. */
    public static final String WINDOWS_RESOURCES = RUNTIME_SPEC + "WindowsResources";

    /** JSON of the runtime-spec's Features. */
    public static final String FEATURES = RUNTIME_SPEC + "features/Features";

    private static final String PROTO = "dev.caisson.ttrpc.proto.";

    private AnyTypes() {}

    /**
     * A message under its bare name.
     *
     * @throws IllegalArgumentException if the message is neither one of {@code dev.caisson.ttrpc.proto} nor a well-known
     *     type; use {@link #pack(String, ByteString)} for those
     */
    public static Any pack(MessageLite message) {
        return pack(nameOf(message.getClass()), message.toByteString());
    }

    /** A value under a type URL of the caller's. */
    public static Any pack(String typeUrl, ByteString value) {
        return Any.newBuilder().setTypeUrl(typeUrl).setValue(value).build();
    }

    /** Whether the Any holds a message of this class, whatever prefix its writer put before the name. */
    public static boolean is(Any any, Class<? extends MessageLite> type) {
        return messageName(any.getTypeUrl()).equals(nameOf(type));
    }

    /** Whether the Any holds JSON under one of this class's URLs; a scheme before the URL is tolerated. */
    public static boolean isJson(Any any, String typeUrl) {
        String url = any.getTypeUrl();
        return url.equals(typeUrl) || url.endsWith("/" + typeUrl);
    }

    /**
     * The message inside.
     *
     * @param example any instance of the expected type, usually its default instance
     * @throws TtrpcException {@link Code#INVALID_ARGUMENT} if it is of another type or cannot be decoded
     */
    @SuppressWarnings("unchecked") // a message's parser makes messages of its own class
    public static <M extends MessageLite> M unpack(Any any, M example) {
        String wanted = nameOf(example.getClass());
        if (!messageName(any.getTypeUrl()).equals(wanted)) {
            throw new TtrpcException(
                    Code.INVALID_ARGUMENT, "expected a " + wanted + ", got \"" + any.getTypeUrl() + "\"");
        }
        try {
            return (M) example.getParserForType().parseFrom(any.getValue());
        } catch (InvalidProtocolBufferException e) {
            throw new TtrpcException(Code.INVALID_ARGUMENT, "decode " + wanted + ": " + e.getMessage(), e);
        }
    }

    /** What follows the last slash. */
    public static String messageName(String typeUrl) {
        return typeUrl.substring(typeUrl.lastIndexOf('/') + 1);
    }

    /**
     * The full protobuf name of a message class. Lite messages carry no descriptor to ask; the Java packages map one to
     * one onto protobuf packages instead.
     */
    public static String nameOf(Class<? extends MessageLite> type) {
        String java = type.getPackageName();
        String protobuf;
        if (java.startsWith(PROTO)) {
            protobuf = switch (java.substring(PROTO.length())) {
                case "bootstrap" -> "containerd.runtime.bootstrap.v1";
                case "cgroups1" -> "io.containerd.cgroups.v1";
                case "cgroups2" -> "io.containerd.cgroups.v2";
                case "envelope" -> "ttrpc";
                case "events" -> "containerd.events";
                case "forward" -> "containerd.services.events.ttrpc.v1";
                case "guest" -> "dev.caisson.guest.v1";
                case "process" -> "containerd.v1.types";
                case "rpc" -> "google.rpc";
                case "runc" -> "containerd.runc.v1";
                case "runtimeoptions" -> "runtimeoptions.v1";
                case "sandbox" -> "containerd.runtime.sandbox.v1";
                case "streaming" -> "containerd.services.streaming.v1";
                case "task" -> "containerd.task.v3";
                case "transfer" -> "containerd.types.transfer";
                case "transferservice" -> "containerd.services.transfer.v1";
                case "types" -> "containerd.types";
                default -> throw new IllegalArgumentException("no protobuf package for " + java);
            };
        } else if (java.equals("com.google.protobuf")) {
            protobuf = "google.protobuf";
        } else {
            throw new IllegalArgumentException("no protobuf package for " + java);
        }
        return protobuf + "." + type.getSimpleName();
    }
}
