package dev.caisson.kvm.probe;

import dev.caisson.kvm.memory.GuestFault;
import dev.caisson.kvm.memory.GuestMemory;
import dev.caisson.kvm.sys.BootRegisters;
import dev.caisson.kvm.x86.LongMode;

/**
 * A guest of a few instructions that does what a kernel does first: 64-bit code with page tables, CPUID, a model-specific register, a port;
 * and that counts, which takes a processor hundredths of a second and an emulator of instructions half a minute.
 */
final class ProbeGuest {
    static final int PORT = 0x3f8;
    static final int SAYS = 'K';
    static final long MEMORY = 4 << 20;

    private static final long CODE = 0x1000;

    // spotless:off
    private static final int[] PROGRAM = {
        0xb8, 1, 0, 0, 0,             // mov eax, 1
        0x0f, 0xa2,                   // cpuid
        0x0f, 0x20, 0xd8,             // mov rax, cr3
        0x0f, 0x22, 0xd8,             // mov cr3, rax
        0xb9, 0x80, 0, 0, 0xc0,       // mov ecx, 0xc0000080 (EFER)
        0x0f, 0x32,                   // rdmsr
        0x0f, 0x30,                   // wrmsr
        0xb9, 0, 0, 0, 1,             // mov ecx, LOOPS
        0xff, 0xc9,                   // again: dec ecx
        0x75, 0xfc,                   // jnz again
        0x66, 0xba, 0xf8, 0x03,       // mov dx, 0x3f8
        0xb0, SAYS,                   // mov al, 'K'
        0xee,                         // out dx, al
        0xf4,                         // hlt
    };
    // spotless:on

    private ProbeGuest() {}

    /** Puts it into a guest's memory; returns the registers to start it with. */
    static BootRegisters write(GuestMemory memory) throws GuestFault {
        LongMode.write(memory);
        for (int i = 0; i < PROGRAM.length; i++) {
            memory.putByte(CODE + i, PROGRAM[i]);
        }
        return LongMode.registers(CODE, 0);
    }
}
