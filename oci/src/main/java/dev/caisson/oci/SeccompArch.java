package dev.caisson.oci;

import org.jspecify.annotations.Nullable;

/** Architectures that a seccomp profile can name. */
public enum SeccompArch {
    /** i386. */
    X86("SCMP_ARCH_X86"),
    X86_64("SCMP_ARCH_X86_64"),
    /** The x32 ABI of x86_64. */
    X32("SCMP_ARCH_X32"),
    ARM("SCMP_ARCH_ARM"),
    AARCH64("SCMP_ARCH_AARCH64"),
    MIPS("SCMP_ARCH_MIPS"),
    MIPS64("SCMP_ARCH_MIPS64"),
    MIPS64N32("SCMP_ARCH_MIPS64N32"),
    MIPSEL("SCMP_ARCH_MIPSEL"),
    MIPSEL64("SCMP_ARCH_MIPSEL64"),
    MIPSEL64N32("SCMP_ARCH_MIPSEL64N32"),
    PPC("SCMP_ARCH_PPC"),
    PPC64("SCMP_ARCH_PPC64"),
    PPC64LE("SCMP_ARCH_PPC64LE"),
    S390("SCMP_ARCH_S390"),
    S390X("SCMP_ARCH_S390X"),
    PARISC("SCMP_ARCH_PARISC"),
    PARISC64("SCMP_ARCH_PARISC64"),
    RISCV64("SCMP_ARCH_RISCV64"),
    LOONGARCH64("SCMP_ARCH_LOONGARCH64"),
    M68K("SCMP_ARCH_M68K"),
    SH("SCMP_ARCH_SH"),
    SHEB("SCMP_ARCH_SHEB");

    private final String wire;

    SeccompArch(String wire) {
        this.wire = wire;
    }

    /** Spelling in JSON. */
    public String wire() {
        return wire;
    }

    /** The constant with this exact spelling, or null. */
    public static @Nullable SeccompArch of(String wire) {
        return switch (wire) {
            case "SCMP_ARCH_X86" -> X86;
            case "SCMP_ARCH_X86_64" -> X86_64;
            case "SCMP_ARCH_X32" -> X32;
            case "SCMP_ARCH_ARM" -> ARM;
            case "SCMP_ARCH_AARCH64" -> AARCH64;
            case "SCMP_ARCH_MIPS" -> MIPS;
            case "SCMP_ARCH_MIPS64" -> MIPS64;
            case "SCMP_ARCH_MIPS64N32" -> MIPS64N32;
            case "SCMP_ARCH_MIPSEL" -> MIPSEL;
            case "SCMP_ARCH_MIPSEL64" -> MIPSEL64;
            case "SCMP_ARCH_MIPSEL64N32" -> MIPSEL64N32;
            case "SCMP_ARCH_PPC" -> PPC;
            case "SCMP_ARCH_PPC64" -> PPC64;
            case "SCMP_ARCH_PPC64LE" -> PPC64LE;
            case "SCMP_ARCH_S390" -> S390;
            case "SCMP_ARCH_S390X" -> S390X;
            case "SCMP_ARCH_PARISC" -> PARISC;
            case "SCMP_ARCH_PARISC64" -> PARISC64;
            case "SCMP_ARCH_RISCV64" -> RISCV64;
            case "SCMP_ARCH_LOONGARCH64" -> LOONGARCH64;
            case "SCMP_ARCH_M68K" -> M68K;
            case "SCMP_ARCH_SH" -> SH;
            case "SCMP_ARCH_SHEB" -> SHEB;
            default -> null;
        };
    }
}
