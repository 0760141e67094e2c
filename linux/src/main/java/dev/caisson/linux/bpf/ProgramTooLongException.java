package dev.caisson.linux.bpf;

/** A program with more instructions than the kernel takes. */
public final class ProgramTooLongException extends IllegalArgumentException {
    private static final long serialVersionUID = 1L;

    ProgramTooLongException(int size) {
        super("a program of " + size + " instructions, more than " + BpfProgram.MAX_INSNS);
    }
}
