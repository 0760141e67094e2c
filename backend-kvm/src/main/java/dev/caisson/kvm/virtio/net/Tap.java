package dev.caisson.kvm.virtio.net;

import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;
import java.nio.charset.StandardCharsets;

/** Makes a tap (Linux Documentation/networking/tuntap.rst) whose packets carry virtio's own header. */
public final class Tap {
    private static final int SYS_IOCTL = 16;
    private static final long TUNSETIFF = 0x4004_54caL;
    private static final long TUNSETVNETHDRSZ = 0x4004_54d8L;
    private static final long TUNSETOFFLOAD = 0x4004_54d0L;
    private static final int IFF_TAP = 2;
    private static final int IFF_NO_PI = 0x1000;
    private static final int IFF_VNET_HDR = 0x4000;
    private static final int TUN_F_CSUM = 1;
    private static final int NAME_LIMIT = 15;
    private static final int IFREQ = 40;

    private Tap() {}

    /**
     * Opens a tap in the calling thread's network namespace; makes it if it is not there. It is gone with its last descriptor unless somebody
     * made it persistent.
     *
     * @param name at most 15 bytes
     * @return a descriptor that does not block
     */
    public static Fd open(String name) throws ErrnoException {
        byte[] bytes = name.getBytes(StandardCharsets.US_ASCII);
        if (bytes.length == 0 || bytes.length > NAME_LIMIT) {
            throw new IllegalArgumentException("name of a tap: " + name);
        }
        Fd tap = HostFiles.open("/dev/net/tun", HostFiles.O_RDWR | HostFiles.O_NONBLOCK | HostFiles.O_CLOEXEC, 0);
        try (KernelCalls calls = new KernelCalls();
                NativeMemory memory = new NativeMemory(IFREQ)) {
            // struct ifreq: name 0, flags 16.
            memory.putBytes(0, bytes);
            memory.putShort(16, IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);
            check(calls.call(SYS_IOCTL, tap.number(), TUNSETIFF, memory.address()), "TUNSETIFF", name);
            memory.putInt(0, NetDevice.HEADER);
            check(calls.call(SYS_IOCTL, tap.number(), TUNSETVNETHDRSZ, memory.address()), "TUNSETVNETHDRSZ", name);
            // What the host sends may lack checksums, and is no larger than the MTU.
            check(calls.call(SYS_IOCTL, tap.number(), TUNSETOFFLOAD, TUN_F_CSUM), "TUNSETOFFLOAD", name);
            return tap;
        } catch (ErrnoException e) {
            tap.close();
            throw e;
        }
    }

    private static void check(long result, String call, String name) throws ErrnoException {
        if (result < 0) {
            throw new ErrnoException((int) -result, call, name);
        }
    }
}
