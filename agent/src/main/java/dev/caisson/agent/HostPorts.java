package dev.caisson.agent;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * How the host's ports are reached: by vsock(7), or, where an agent is tried without a machine, at the unix sockets that a VMM would map
 * them to.
 *
 * @param unixPrefix null for vsock; else port P is the socket {@code PREFIX_P}
 */
record HostPorts(@Nullable String unixPrefix) {
    private static final int AF_UNIX = 1;
    private static final int AF_VSOCK = 40;
    private static final int HOST_CID = 2;
    /** sizeof(struct sockaddr_vm), linux/vm_sockets.h. */
    private static final int SOCKADDR_VM = 16;

    static HostPorts ofSystem() {
        return new HostPorts(System.getProperty("caisson.agent.host"));
    }

    int family() {
        return unixPrefix == null ? AF_VSOCK : AF_UNIX;
    }

    /** The socket address of a port, as connect(2) takes it. */
    byte[] address(int port) {
        if (unixPrefix == null) {
            return ByteBuffer.allocate(SOCKADDR_VM)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putShort(0, (short) AF_VSOCK)
                    .putInt(4, port)
                    .putInt(8, HOST_CID)
                    .array();
        }
        byte[] path = (unixPrefix + "_" + Integer.toUnsignedString(port)).getBytes(StandardCharsets.UTF_8);
        return ByteBuffer.allocate(2 + path.length + 1)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putShort((short) AF_UNIX)
                .put(path)
                .array();
    }
}
