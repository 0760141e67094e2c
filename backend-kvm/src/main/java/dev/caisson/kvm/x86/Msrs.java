package dev.caisson.kvm.x86;

/** Model-specific registers with which a processor begins: pairs of index and value. */
public final class Msrs {
    // spotless:off
    private static final long IA32_TSC            = 0x10;
    private static final long IA32_SYSENTER_CS    = 0x174;
    private static final long IA32_SYSENTER_ESP   = 0x175;
    private static final long IA32_SYSENTER_EIP   = 0x176;
    private static final long IA32_MISC_ENABLE    = 0x1a0;
    private static final long IA32_MTRR_DEF_TYPE  = 0x2ff;
    private static final long STAR                = 0xc000_0081L;
    private static final long LSTAR               = 0xc000_0082L;
    private static final long CSTAR               = 0xc000_0083L;
    private static final long SFMASK              = 0xc000_0084L;
    private static final long KERNEL_GS_BASE      = 0xc000_0102L;

    /** Fast strings on; memory is write-back where nothing else is said. */
    private static final long[][] BOOT = {
        {IA32_SYSENTER_CS, 0},
        {IA32_SYSENTER_ESP, 0},
        {IA32_SYSENTER_EIP, 0},
        {STAR, 0},
        {LSTAR, 0},
        {CSTAR, 0},
        {SFMASK, 0},
        {KERNEL_GS_BASE, 0},
        {IA32_TSC, 0},
        {IA32_MISC_ENABLE, 1},
        {IA32_MTRR_DEF_TYPE, 1 << 11 | 6},
    };
    // spotless:on

    private Msrs() {}

    /** Fresh copies. */
    public static long[][] boot() {
        return java.util.Arrays.stream(BOOT).map(long[]::clone).toArray(long[][]::new);
    }
}
