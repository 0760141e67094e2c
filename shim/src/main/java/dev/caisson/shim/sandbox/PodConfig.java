package dev.caisson.shim.sandbox;

import com.google.protobuf.ByteString;
import com.google.protobuf.CodedInputStream;
import com.google.protobuf.WireFormat;
import java.io.IOException;

/**
 * The few fields of the CRI's PodSandboxConfig (runtime.v1.PodSandboxConfig) that a sandbox is made from. Read field by field: the
 * whole message would be a thousand lines of generated code for four values.
 *
 * @param cgroupParent where the pod's cgroups belong, may be empty
 * @param hostNetwork, hostPid, hostIpc whether the pod shares the node's
 * @param sharedPid whether the pod's containers share one pid namespace
 */
record PodConfig(
        String hostname,
        String cgroupParent,
        boolean hostNetwork,
        boolean hostPid,
        boolean hostIpc,
        boolean sharedPid) {
    static final PodConfig NONE = new PodConfig("", "", false, false, false, false);

    private static final int HOSTNAME = 2;
    private static final int LINUX = 8;
    private static final int CGROUP_PARENT = 1;
    private static final int SECURITY_CONTEXT = 2;
    private static final int NAMESPACE_OPTIONS = 1;
    private static final int NETWORK = 1;
    private static final int PID = 2;
    private static final int IPC = 3;
    private static final int MODE_POD = 0;
    private static final int MODE_NODE = 2;

    /** Told of each field of a message. */
    private interface Field {
        /** Reads the field's value, or returns false to have it skipped. */
        boolean read(int number, CodedInputStream in) throws IOException;
    }

    private static void fields(ByteString message, Field field) throws IOException {
        CodedInputStream in = message.newCodedInput();
        for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
            if (!field.read(WireFormat.getTagFieldNumber(tag), in)) {
                in.skipField(tag);
            }
        }
    }

    private static final class Builder {
        private String hostname = "";
        private String cgroupParent = "";
        private long network = MODE_POD;
        private long pid = MODE_POD;
        private long ipc = MODE_POD;
        private boolean hasOptions;

        private boolean config(int number, CodedInputStream in) throws IOException {
            switch (number) {
                case HOSTNAME -> hostname = in.readString();
                case LINUX -> fields(in.readBytes(), this::linux);
                default -> {
                    return false;
                }
            }
            return true;
        }

        private boolean linux(int number, CodedInputStream in) throws IOException {
            switch (number) {
                case CGROUP_PARENT -> cgroupParent = in.readString();
                case SECURITY_CONTEXT -> fields(in.readBytes(), this::securityContext);
                default -> {
                    return false;
                }
            }
            return true;
        }

        private boolean securityContext(int number, CodedInputStream in) throws IOException {
            if (number != NAMESPACE_OPTIONS) {
                return false;
            }
            hasOptions = true;
            fields(in.readBytes(), this::namespaceOptions);
            return true;
        }

        private boolean namespaceOptions(int number, CodedInputStream in) throws IOException {
            switch (number) {
                case NETWORK -> network = in.readUInt64();
                case PID -> pid = in.readUInt64();
                case IPC -> ipc = in.readUInt64();
                default -> {
                    return false;
                }
            }
            return true;
        }
    }

    /** @throws IOException when the bytes are no protobuf message */
    static PodConfig parse(ByteString message) throws IOException {
        Builder b = new Builder();
        fields(message, b::config);
        return new PodConfig(
                b.hostname,
                b.cgroupParent,
                b.network == MODE_NODE,
                b.pid == MODE_NODE,
                b.ipc == MODE_NODE,
                b.hasOptions && b.pid == MODE_POD);
    }
}
