package dev.caisson.linux;

import java.nio.charset.StandardCharsets;

/** Makes a tap (Linux Documentation/networking/tuntap.rst) whose packets carry virtio's own header. */
public final class Tap {
    private static final int NAME_LIMIT = 15;

    private Tap() {}

    /**
     * Opens a tap in the calling thread's network namespace; makes it if it is not there. It is gone with its last descriptor unless somebody
     * made it persistent.
     *
     * @param name at most 15 bytes
     * @param header bytes in front of each packet, 10 or 12 ({@code struct virtio_net_hdr})
     * @return a descriptor that does not block
     */
    public static Fd open(String name, int header) throws ErrnoException {
        byte[] bytes = name.getBytes(StandardCharsets.US_ASCII);
        if (bytes.length == 0 || bytes.length > NAME_LIMIT) {
            throw new IllegalArgumentException("name of a tap: " + name);
        }
        Fd tap = HostFiles.open("/dev/net/tun", HostFiles.O_RDWR | HostFiles.O_NONBLOCK | HostFiles.O_CLOEXEC, 0);
        try (Scratch scratch = new Scratch()) {
            long request = scratch.zeroed(Abi.IFREQ_SIZE);
            scratch.putBytes(request, bytes);
            scratch.putShort(request + Abi.IFREQ_FLAGS, Abi.IFF_TAP | Abi.IFF_NO_PI | Abi.IFF_VNET_HDR);
            // NATIVE: int ioctl(int fd, unsigned long request, ...), sys/ioctl.h. The structures live for the calls.
            Libc.check(Libc.call(Sys.ioctl, tap.number(), Abi.TUNSETIFF, request), "TUNSETIFF", name);
            long size = scratch.zeroed(Integer.BYTES);
            scratch.putInt(size, header);
            Libc.check(Libc.call(Sys.ioctl, tap.number(), Abi.TUNSETVNETHDRSZ, size), "TUNSETVNETHDRSZ", name);
            // What the host sends may lack checksums, and is no larger than the MTU.
            Libc.check(Libc.call(Sys.ioctl, tap.number(), Abi.TUNSETOFFLOAD, Abi.TUN_F_CSUM), "TUNSETOFFLOAD", name);
            return tap;
        } catch (ErrnoException e) {
            tap.close();
            throw e;
        }
    }
}
