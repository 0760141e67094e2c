package dev.caisson.kvm.sys;

/**
 * One answer of the CPUID instruction.
 *
 * @param function the leaf, asked for in EAX
 * @param index the subleaf, asked for in ECX, where {@code flags} has bit 0
 */
public record CpuidEntry(int function, int index, int flags, int eax, int ebx, int ecx, int edx) {
    /** With other values in all four registers. */
    public CpuidEntry with(int newEax, int newEbx, int newEcx, int newEdx) {
        return new CpuidEntry(function, index, flags, newEax, newEbx, newEcx, newEdx);
    }
}
