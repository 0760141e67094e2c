package dev.caisson.kvm.sys;

/** Numbers and layouts of linux/kvm.h on x86-64, in its spelling. KvmAbiTest compares them with the C compiler. */
final class KvmAbi {
    // spotless:off
    static final int KVM_API_VERSION = 12;

    static final int KVM_GET_API_VERSION        = 0xae00;
    static final int KVM_CREATE_VM              = 0xae01;
    static final int KVM_CHECK_EXTENSION        = 0xae03;
    static final int KVM_GET_VCPU_MMAP_SIZE     = 0xae04;
    static final int KVM_GET_SUPPORTED_CPUID    = 0xc008ae05;
    static final int KVM_CREATE_VCPU            = 0xae41;
    static final int KVM_SET_USER_MEMORY_REGION = 0x4020ae46;
    static final int KVM_SET_TSS_ADDR           = 0xae47;
    static final int KVM_CREATE_IRQCHIP         = 0xae60;
    static final int KVM_IRQ_LINE               = 0x4008ae61;
    static final int KVM_IOEVENTFD              = 0x4040ae79;
    static final int KVM_RUN                    = 0xae80;
    static final int KVM_GET_REGS               = 0x8090ae81;
    static final int KVM_SET_REGS               = 0x4090ae82;
    static final int KVM_GET_SREGS              = 0x8138ae83;
    static final int KVM_SET_SREGS              = 0x4138ae84;
    static final int KVM_SET_MSRS               = 0x4008ae89;
    static final int KVM_SET_FPU                = 0x41a0ae8d;
    static final int KVM_GET_LAPIC              = 0x8400ae8e;
    static final int KVM_SET_LAPIC              = 0x4400ae8f;
    static final int KVM_SET_CPUID2             = 0x4008ae90;
    static final int KVM_GET_MSR_INDEX_LIST     = 0xc004ae02;
    static final int KVM_GET_MSRS               = 0xc008ae88;
    static final int KVM_GET_IRQCHIP            = 0xc208ae62;
    static final int KVM_SET_IRQCHIP            = 0x8208ae63;
    static final int KVM_GET_CLOCK              = 0x8030ae7c;
    static final int KVM_SET_CLOCK              = 0x4030ae7b;
    static final int KVM_GET_MP_STATE           = 0x8004ae98;
    static final int KVM_SET_MP_STATE           = 0x4004ae99;
    static final int KVM_GET_VCPU_EVENTS        = 0x8040ae9f;
    static final int KVM_SET_VCPU_EVENTS        = 0x4040aea0;
    static final int KVM_GET_DEBUGREGS          = 0x8080aea1;
    static final int KVM_SET_DEBUGREGS          = 0x4080aea2;
    static final int KVM_GET_XSAVE              = 0x9000aea4;
    static final int KVM_SET_XSAVE              = 0x5000aea5;
    static final int KVM_GET_XCRS               = 0x8188aea6;
    static final int KVM_SET_XCRS               = 0x4188aea7;
    static final int KVM_KVMCLOCK_CTRL          = 0xaead;

    static final int KVM_CAP_IRQCHIP        = 0;
    static final int KVM_CAP_USER_MEMORY    = 3;
    static final int KVM_CAP_SET_TSS_ADDR   = 4;
    static final int KVM_CAP_EXT_CPUID      = 7;
    static final int KVM_CAP_IOEVENTFD      = 36;
    static final int KVM_CAP_READONLY_MEM   = 81;
    static final int KVM_CAP_IMMEDIATE_EXIT = 136;

    static final int KVM_MEM_READONLY = 2;

    static final int KVM_EXIT_IO             = 2;
    static final int KVM_EXIT_HLT            = 5;
    static final int KVM_EXIT_MMIO           = 6;
    static final int KVM_EXIT_SHUTDOWN       = 8;
    static final int KVM_EXIT_FAIL_ENTRY     = 9;
    static final int KVM_EXIT_INTR           = 10;
    static final int KVM_EXIT_INTERNAL_ERROR = 17;
    static final int KVM_EXIT_SYSTEM_EVENT   = 24;

    static final int KVM_EXIT_IO_OUT          = 1;
    static final int KVM_SYSTEM_EVENT_SHUTDOWN = 1;
    static final int KVM_SYSTEM_EVENT_RESET    = 2;

    /** struct kvm_run. */
    static final int RUN_IMMEDIATE_EXIT = 1;
    static final int RUN_EXIT_REASON    = 8;
    static final int RUN_IO_DIRECTION   = 32;
    static final int RUN_IO_SIZE        = 33;
    static final int RUN_IO_PORT        = 34;
    static final int RUN_IO_COUNT       = 36;
    static final int RUN_IO_DATA_OFFSET = 40;
    static final int RUN_MMIO_ADDR      = 32;
    static final int RUN_MMIO_DATA      = 40;
    static final int RUN_MMIO_LEN       = 48;
    static final int RUN_MMIO_IS_WRITE  = 52;
    static final int RUN_FAIL_REASON    = 32;
    static final int RUN_INTERNAL_SUBERROR = 32;
    static final int RUN_SYSTEM_EVENT_TYPE = 32;

    /** struct kvm_userspace_memory_region. */
    static final int REGION_SLOT      = 0;
    static final int REGION_FLAGS     = 4;
    static final int REGION_GUEST     = 8;
    static final int REGION_BYTES     = 16;
    static final int REGION_USERSPACE = 24;
    static final int REGION_SIZE      = 32;

    /** struct kvm_irq_level. */
    static final int IRQ_LEVEL_IRQ   = 0;
    static final int IRQ_LEVEL_LEVEL = 4;
    static final int IRQ_LEVEL_SIZE  = 8;

    /** struct kvm_ioeventfd. */
    static final int IOEVENTFD_DATAMATCH = 0;
    static final int IOEVENTFD_ADDR      = 8;
    static final int IOEVENTFD_LEN       = 16;
    static final int IOEVENTFD_FD        = 20;
    static final int IOEVENTFD_FLAGS     = 24;
    static final int IOEVENTFD_SIZE      = 64;
    static final int KVM_IOEVENTFD_FLAG_DATAMATCH = 1;

    /** struct kvm_cpuid2 and kvm_cpuid_entry2. */
    static final int CPUID_NENT       = 0;
    static final int CPUID_ENTRIES    = 8;
    static final int CPUID_ENTRY_SIZE = 40;
    static final int CPUID_FUNCTION   = 0;
    static final int CPUID_INDEX      = 4;
    static final int CPUID_FLAGS      = 8;
    static final int CPUID_EAX        = 12;
    static final int CPUID_EBX        = 16;
    static final int CPUID_ECX        = 20;
    static final int CPUID_EDX        = 24;

    /** struct kvm_msrs and kvm_msr_entry. */
    static final int MSRS_NMSRS     = 0;
    static final int MSRS_ENTRIES   = 8;
    static final int MSR_ENTRY_SIZE = 16;
    static final int MSR_INDEX      = 0;
    static final int MSR_DATA       = 8;

    /** struct kvm_fpu. */
    static final int FPU_FCW   = 128;
    static final int FPU_MXCSR = 408;
    static final int FPU_SIZE  = 416;

    static final int LAPIC_SIZE = 1024;

    static final int MP_STATE_SIZE = 4;
    static final int EVENTS_SIZE   = 64;
    static final int DEBUG_SIZE    = 128;
    static final int XSAVE_SIZE    = 4096;
    static final int XCRS_SIZE     = 392;

    /** struct kvm_msr_list. */
    static final int MSR_LIST_NMSRS   = 0;
    static final int MSR_LIST_INDICES = 4;

    /** struct kvm_irqchip: which one, and its registers. */
    static final int IRQCHIP_CHIP_ID = 0;
    static final int IRQCHIP_SIZE    = 520;

    /** struct kvm_clock_data. */
    static final int CLOCK_CLOCK = 0;
    static final int CLOCK_SIZE  = 48;

    /** struct kvm_regs. */
    static final int REGS_RBX    = 8;
    static final int REGS_RSI    = 32;
    static final int REGS_RSP    = 48;
    static final int REGS_RBP    = 56;
    static final int REGS_RIP    = 128;
    static final int REGS_RFLAGS = 136;
    static final int REGS_SIZE   = 144;

    /** struct kvm_sregs, kvm_segment, kvm_dtable. */
    static final int SREGS_CS   = 0;
    static final int SREGS_DS   = 24;
    static final int SREGS_ES   = 48;
    static final int SREGS_FS   = 72;
    static final int SREGS_GS   = 96;
    static final int SREGS_SS   = 120;
    static final int SREGS_TR   = 144;
    static final int SREGS_GDT  = 192;
    static final int SREGS_IDT  = 208;
    static final int SREGS_CR0  = 224;
    static final int SREGS_CR3  = 240;
    static final int SREGS_CR4  = 248;
    static final int SREGS_EFER = 264;
    static final int SREGS_SIZE = 312;
    static final int SEGMENT_BASE     = 0;
    static final int SEGMENT_LIMIT    = 8;
    static final int SEGMENT_SELECTOR = 12;
    static final int SEGMENT_TYPE     = 14;
    static final int SEGMENT_PRESENT  = 15;
    static final int SEGMENT_DB       = 17;
    static final int SEGMENT_S        = 18;
    static final int SEGMENT_L        = 19;
    static final int SEGMENT_G        = 20;
    static final int DTABLE_BASE  = 0;
    static final int DTABLE_LIMIT = 8;
    // spotless:on

    private KvmAbi() {}
}
