package dev.caisson.shim.translate;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.caisson.backend.Checkpoint;
import dev.caisson.backend.Checkpoint.Option;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.ttrpc.AnyTypes;
import dev.caisson.ttrpc.proto.runc.CheckpointOptions;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** How a container is written down, or goes on, as containerd asks for it. Pure. */
public final class CheckpointRequests {
    /** Clients of containerd 1.x use an older message with the same fields for runtimes whose name they do not know. */
    private static final Set<String> OPTIONS =
            Set.of("containerd.runc.v1.CheckpointOptions", "containerd.linux.runc.CheckpointOptions");

    private CheckpointRequests() {}

    /**
     * What is asked for.
     *
     * @param packed containerd's directory, which it packs up
     */
    public record Asked(Checkpoint checkpoint, Path packed) {}

    /**
     * What a Checkpoint asks for.
     *
     * @param path the directory of the image, made by containerd; the options may name another one
     * @param work for logs, unless the options name another directory
     * @throws ContainerFault INVALID: nobody can do that
     */
    public static Asked of(String path, Any any, Path work) throws ContainerFault {
        CheckpointOptions asked = options(any);
        EnumSet<Option> options = EnumSet.noneOf(Option.class);
        put(options, !asked.getExit(), Option.LEAVE_RUNNING);
        put(options, asked.getOpenTcp(), Option.TCP_ESTABLISHED);
        put(options, asked.getExternalUnixSockets(), Option.EXTERNAL_UNIX_SOCKETS);
        put(options, asked.getTerminal(), Option.SHELL_JOB);
        put(options, asked.getFileLocks(), Option.FILE_LOCKS);
        for (String namespace : asked.getEmptyNamespacesList()) {
            if (!namespace.equals("network")) {
                throw new ContainerFault(Kind.INVALID, "empty namespace " + namespace + ": only network can be");
            }
            options.add(Option.EMPTY_NETWORK);
        }
        Path packed = absolute("path", path);
        Checkpoint checkpoint = new Checkpoint(
                asked.getImagePath().isEmpty() ? packed : absolute("image_path", asked.getImagePath()),
                asked.getWorkPath().isEmpty() ? work : absolute("work_path", asked.getWorkPath()),
                options,
                orNull(asked.getParentPath()),
                orNull(asked.getCgroupsMode()),
                null,
                null,
                null,
                null);
        return new Asked(checkpoint, packed);
    }

    /** What a Create with an image asks for. */
    public static Checkpoint restore(String path, Path work) throws ContainerFault {
        return new Checkpoint(absolute("checkpoint", path), work, Set.of(), null, null, null, null, null, null);
    }

    private static CheckpointOptions options(Any any) throws ContainerFault {
        if (any.getTypeUrl().isEmpty()) {
            return CheckpointOptions.getDefaultInstance();
        }
        if (!OPTIONS.contains(AnyTypes.messageName(any.getTypeUrl()))) {
            throw new ContainerFault(Kind.INVALID, "unknown options of a checkpoint: " + any.getTypeUrl());
        }
        try {
            return CheckpointOptions.parseFrom(any.getValue());
        } catch (InvalidProtocolBufferException e) {
            throw new ContainerFault(Kind.INVALID, "options of a checkpoint: " + e.getMessage(), e);
        }
    }

    private static void put(EnumSet<Option> options, boolean is, Option option) {
        if (is) {
            options.add(option);
        }
    }

    private static @Nullable String orNull(String text) {
        return text.isEmpty() ? null : text;
    }

    private static Path absolute(String field, String path) throws ContainerFault {
        if (!path.startsWith("/") || path.indexOf('\0') >= 0) {
            throw new ContainerFault(Kind.INVALID, field + " \"" + path.replace('\0', '?') + "\" is no absolute path");
        }
        return Path.of(path);
    }
}
