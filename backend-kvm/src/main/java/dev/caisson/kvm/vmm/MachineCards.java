package dev.caisson.kvm.vmm;

/** The network cards that a machine is made with, which nothing is connected to yet. */
public final class MachineCards {
    /** Virtio devices have lines of the interrupt controller of their own, of which so many are left. */
    public static final int MOST = 3;
    /** Ethernet's: a driver that goes on in a copy sends no longer packets. */
    static final int MTU = 1500;

    private static final byte[] FIRST = {2, 0x63, 0x61, 0x72, 0x64, 0};

    private MachineCards() {}

    /** The link-layer address of one that was not told another one. */
    public static byte[] address(int number) {
        byte[] mac = FIRST.clone();
        mac[5] = (byte) number;
        return mac;
    }
}
