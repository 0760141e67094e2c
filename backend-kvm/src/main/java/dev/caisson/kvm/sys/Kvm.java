package dev.caisson.kvm.sys;

import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;
import java.util.ArrayList;
import java.util.List;

/** The device /dev/kvm. One thread. */
public final class Kvm implements AutoCloseable {
    private static final String DEVICE = "/dev/kvm";
    private static final int CPUID_CAPACITY = 256;
    private static final int MSR_CAPACITY = 1024;

    private final KernelCalls calls = new KernelCalls();
    private final Fd fd;

    private Kvm(Fd fd) {
        this.fd = fd;
    }

    /**
     * Opens it and looks whether it has what a machine of ours needs.
     *
     * @throws ErrnoException ENOENT without KVM, EACCES without permission, EOPNOTSUPP for a kernel that lacks an extension
     */
    public static Kvm open() throws ErrnoException {
        Fd fd = HostFiles.open(DEVICE, HostFiles.O_RDWR | HostFiles.O_CLOEXEC, 0);
        Kvm kvm = new Kvm(fd);
        try {
            kvm.check();
            return kvm;
        } catch (ErrnoException e) {
            kvm.close();
            throw e;
        }
    }

    private void check() throws ErrnoException {
        long version = Ioctl.call(calls, fd, KvmAbi.KVM_GET_API_VERSION, "KVM_GET_API_VERSION", 0);
        if (version != KvmAbi.KVM_API_VERSION) {
            throw new ErrnoException(Errno.EOPNOTSUPP, "use version " + version + " of", DEVICE);
        }
        need(KvmAbi.KVM_CAP_IRQCHIP, "IRQCHIP");
        need(KvmAbi.KVM_CAP_USER_MEMORY, "USER_MEMORY");
        need(KvmAbi.KVM_CAP_SET_TSS_ADDR, "SET_TSS_ADDR");
        need(KvmAbi.KVM_CAP_EXT_CPUID, "EXT_CPUID");
        need(KvmAbi.KVM_CAP_IOEVENTFD, "IOEVENTFD");
        need(KvmAbi.KVM_CAP_READONLY_MEM, "READONLY_MEM");
        need(KvmAbi.KVM_CAP_IMMEDIATE_EXIT, "IMMEDIATE_EXIT");
    }

    private void need(int capability, String name) throws ErrnoException {
        if (Ioctl.call(calls, fd, KvmAbi.KVM_CHECK_EXTENSION, "KVM_CHECK_EXTENSION", capability) <= 0) {
            throw new ErrnoException(Errno.EOPNOTSUPP, "use KVM_CAP_" + name + " of", DEVICE);
        }
    }

    /** Makes an empty machine. */
    public KvmVm createVm() throws ErrnoException {
        long vm = Ioctl.call(calls, fd, KvmAbi.KVM_CREATE_VM, "KVM_CREATE_VM", 0);
        long runSize = Ioctl.call(calls, fd, KvmAbi.KVM_GET_VCPU_MMAP_SIZE, "KVM_GET_VCPU_MMAP_SIZE", 0);
        return new KvmVm(Fd.adopt((int) vm, "kvm-vm"), runSize);
    }

    /** What CPUID may say in a guest on this host. */
    public List<CpuidEntry> supportedCpuid() throws ErrnoException {
        try (NativeMemory memory = new NativeMemory(KvmAbi.CPUID_ENTRIES + CPUID_CAPACITY * KvmAbi.CPUID_ENTRY_SIZE)) {
            memory.putInt(KvmAbi.CPUID_NENT, CPUID_CAPACITY);
            Ioctl.call(calls, fd, KvmAbi.KVM_GET_SUPPORTED_CPUID, "KVM_GET_SUPPORTED_CPUID", memory.address());
            int count = memory.getInt(KvmAbi.CPUID_NENT);
            List<CpuidEntry> entries = new ArrayList<>(count);
            for (int i = 0; i < count; i++) {
                int at = KvmAbi.CPUID_ENTRIES + i * KvmAbi.CPUID_ENTRY_SIZE;
                entries.add(new CpuidEntry(
                        memory.getInt(at + KvmAbi.CPUID_FUNCTION),
                        memory.getInt(at + KvmAbi.CPUID_INDEX),
                        memory.getInt(at + KvmAbi.CPUID_FLAGS),
                        memory.getInt(at + KvmAbi.CPUID_EAX),
                        memory.getInt(at + KvmAbi.CPUID_EBX),
                        memory.getInt(at + KvmAbi.CPUID_ECX),
                        memory.getInt(at + KvmAbi.CPUID_EDX)));
            }
            return entries;
        }
    }

    /** Indexes of the model-specific registers that a guest's processor may have on this host, and whose values KVM gives. */
    public int[] msrIndexes() throws ErrnoException {
        try (NativeMemory memory = new NativeMemory(KvmAbi.MSR_LIST_INDICES + MSR_CAPACITY * Integer.BYTES)) {
            memory.putInt(KvmAbi.MSR_LIST_NMSRS, MSR_CAPACITY);
            Ioctl.call(calls, fd, KvmAbi.KVM_GET_MSR_INDEX_LIST, "KVM_GET_MSR_INDEX_LIST", memory.address());
            int[] indexes = new int[memory.getInt(KvmAbi.MSR_LIST_NMSRS)];
            for (int i = 0; i < indexes.length; i++) {
                indexes[i] = memory.getInt(KvmAbi.MSR_LIST_INDICES + i * Integer.BYTES);
            }
            return indexes;
        }
    }

    @Override
    public void close() {
        fd.close();
        calls.close();
    }
}
