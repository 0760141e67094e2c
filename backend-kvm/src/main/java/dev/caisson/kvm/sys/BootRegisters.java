package dev.caisson.kvm.sys;

import dev.caisson.linux.direct.NativeMemory;

/** Registers with which a processor begins. */
public final class BootRegisters {
    /** How the processor addresses memory. */
    private enum Mode {
        REAL,
        PROTECTED,
        LONG
    }

    /** Access types of descriptors (Intel SDM volume 3, 3.4.5.1 and 3.5): code readable, data writable, both accessed; a busy TSS. */
    private static final int CODE = 0xb;

    private static final int DATA = 3;
    private static final int BUSY_TSS = 0xb;

    private static final long CR0_PE_ET = 0x11;
    private static final long CR0_PG = 0x8000_0000L;
    private static final long CR4_PAE = 0x20;
    private static final long EFER_LME_LMA = 0x500;
    private static final long RFLAGS_RESERVED = 2;

    private final Mode mode;
    private final long instruction;
    private final long argument;
    private final long stack;
    private final long pageTables;
    private final long descriptors;

    private BootRegisters(Mode mode, long instruction, long argument, long stack, long pageTables, long descriptors) {
        this.mode = mode;
        this.instruction = instruction;
        this.argument = argument;
        this.stack = stack;
        this.pageTables = pageTables;
        this.descriptors = descriptors;
    }

    /** 16-bit code at an address below 64 KiB. */
    public static BootRegisters realMode(long instruction) {
        return new BootRegisters(Mode.REAL, instruction, 0, 0, 0, 0);
    }

    /**
     * The PVH entry (Xen docs/misc/pvh.pandoc): flat 32-bit code without paging, EBX has the address of {@code hvm_start_info}.
     *
     * @param entry physical, from the kernel's note
     */
    public static BootRegisters pvh(long entry, long startInfo) {
        return new BootRegisters(Mode.PROTECTED, entry, startInfo, 0, 0, 0);
    }

    /**
     * The 64-bit entry (Linux Documentation/arch/x86/boot.rst, "64-bit boot protocol"): memory mapped one to one, RSI has the address of {@code
     * boot_params}.
     *
     * @param pageTables physical address of the top level
     * @param descriptors physical address of a table with code at selector 8 and data at 16
     */
    public static BootRegisters longMode(long entry, long bootParams, long stack, long pageTables, long descriptors) {
        return new BootRegisters(Mode.LONG, entry, bootParams, stack, pageTables, descriptors);
    }

    void writeGeneral(NativeMemory regs) {
        regs.putLong(KvmAbi.REGS_RIP, instruction);
        regs.putLong(KvmAbi.REGS_RFLAGS, RFLAGS_RESERVED);
        regs.putLong(mode == Mode.LONG ? KvmAbi.REGS_RSI : KvmAbi.REGS_RBX, argument);
        regs.putLong(KvmAbi.REGS_RSP, stack);
        regs.putLong(KvmAbi.REGS_RBP, stack);
    }

    void writeSpecial(NativeMemory sregs) {
        if (mode == Mode.REAL) {
            sregs.putLong(KvmAbi.SREGS_CS + KvmAbi.SEGMENT_BASE, 0);
            sregs.putShort(KvmAbi.SREGS_CS + KvmAbi.SEGMENT_SELECTOR, 0);
            return;
        }
        boolean wide = mode == Mode.LONG;
        flat(sregs, KvmAbi.SREGS_CS, 8, CODE, wide);
        for (int segment :
                new int[] {KvmAbi.SREGS_DS, KvmAbi.SREGS_ES, KvmAbi.SREGS_FS, KvmAbi.SREGS_GS, KvmAbi.SREGS_SS}) {
            flat(sregs, segment, 16, DATA, false);
        }
        sregs.putLong(KvmAbi.SREGS_TR + KvmAbi.SEGMENT_BASE, 0);
        sregs.putInt(KvmAbi.SREGS_TR + KvmAbi.SEGMENT_LIMIT, 0x67);
        sregs.putShort(KvmAbi.SREGS_TR + KvmAbi.SEGMENT_SELECTOR, 24);
        sregs.putByte(KvmAbi.SREGS_TR + KvmAbi.SEGMENT_TYPE, BUSY_TSS);
        sregs.putByte(KvmAbi.SREGS_TR + KvmAbi.SEGMENT_PRESENT, 1);
        sregs.putByte(KvmAbi.SREGS_TR + KvmAbi.SEGMENT_S, 0);
        sregs.putLong(KvmAbi.SREGS_CR0, wide ? CR0_PE_ET | CR0_PG : CR0_PE_ET);
        sregs.putLong(KvmAbi.SREGS_CR4, wide ? CR4_PAE : 0);
        sregs.putLong(KvmAbi.SREGS_EFER, wide ? EFER_LME_LMA : 0);
        if (wide) {
            sregs.putLong(KvmAbi.SREGS_CR3, pageTables);
            sregs.putLong(KvmAbi.SREGS_GDT + KvmAbi.DTABLE_BASE, descriptors);
            sregs.putShort(KvmAbi.SREGS_GDT + KvmAbi.DTABLE_LIMIT, 31);
            sregs.putLong(KvmAbi.SREGS_IDT + KvmAbi.DTABLE_BASE, descriptors + 32);
            sregs.putShort(KvmAbi.SREGS_IDT + KvmAbi.DTABLE_LIMIT, 7);
        }
    }

    private static void flat(NativeMemory sregs, int segment, int selector, int type, boolean wide) {
        sregs.putLong(segment + KvmAbi.SEGMENT_BASE, 0);
        sregs.putInt(segment + KvmAbi.SEGMENT_LIMIT, -1);
        sregs.putShort(segment + KvmAbi.SEGMENT_SELECTOR, selector);
        sregs.putByte(segment + KvmAbi.SEGMENT_TYPE, type);
        sregs.putByte(segment + KvmAbi.SEGMENT_PRESENT, 1);
        sregs.putByte(segment + KvmAbi.SEGMENT_DB, wide ? 0 : 1);
        sregs.putByte(segment + KvmAbi.SEGMENT_S, 1);
        sregs.putByte(segment + KvmAbi.SEGMENT_L, wide ? 1 : 0);
        sregs.putByte(segment + KvmAbi.SEGMENT_G, 1);
    }
}
