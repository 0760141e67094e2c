package dev.caisson.linux.bpf;

/** System call ABIs of an x86-64 kernel. */
public enum SyscallAbi {
    /** 64-bit calls. */
    X86_64(SeccompData.AUDIT_ARCH_X86_64, false),
    /** 32-bit calls, by {@code int 0x80} or sysenter, from 32-bit and 64-bit programs alike. */
    I386(SeccompData.AUDIT_ARCH_I386, true),
    /** 64-bit registers with 32-bit pointers: the same architecture value as {@link #X86_64} and a bit in the number. */
    X32(SeccompData.AUDIT_ARCH_X86_64, false);

    private final int auditArch;
    private final boolean wordArguments;

    SyscallAbi(int auditArch, boolean wordArguments) {
        this.auditArch = auditArch;
        this.wordArguments = wordArguments;
    }

    /** AUDIT_ARCH_* value. */
    public int auditArch() {
        return auditArch;
    }

    /** Whether arguments have 32 bits; the kernel gives them zero-extended. */
    public boolean hasWordArguments() {
        return wordArguments;
    }
}
