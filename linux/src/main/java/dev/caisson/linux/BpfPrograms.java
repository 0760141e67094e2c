package dev.caisson.linux;

import org.jspecify.annotations.Nullable;

/** bpf(2), as far as programs of cgroups need it. */
final class BpfPrograms {
    private static final int INSTRUCTION_SIZE = 8;
    private static final int LOG_SIZE = 64 << 10;

    private BpfPrograms() {}

    /**
     * Has the kernel verify a program.
     *
     * @param type BPF_PROG_TYPE_...
     * @param attachType where it will be attached, if the type needs to know; 0 if not
     * @param instructions eBPF instructions of 8 bytes each, little endian
     * @param name shown by bpftool; at most 15 letters, digits, dots and underscores
     */
    static Fd load(int type, int attachType, byte[] instructions, String name) throws ErrnoException {
        if (instructions.length == 0 || instructions.length % INSTRUCTION_SIZE != 0) {
            throw new IllegalArgumentException(
                    "eBPF program of " + instructions.length + " bytes, not a multiple of 8");
        }
        if (name.length() > 15) {
            throw new IllegalArgumentException("eBPF program name longer than 15 characters: '" + name + "'");
        }
        try (Scratch scratch = new Scratch()) {
            long attr = scratch.zeroed(Abi.BPF_ATTR_SIZE);
            scratch.putInt(attr + Abi.BPF_LOAD_PROG_TYPE, type);
            scratch.putInt(attr + Abi.BPF_LOAD_INSN_CNT, instructions.length / INSTRUCTION_SIZE);
            scratch.putLong(attr + Abi.BPF_LOAD_INSNS, scratch.bytes(instructions, 0, instructions.length));
            scratch.putLong(attr + Abi.BPF_LOAD_LICENSE, scratch.string("Apache-2.0"));
            scratch.putBytes(attr + Abi.BPF_LOAD_PROG_NAME, PathBytes.encode(name));
            scratch.putInt(attr + Abi.BPF_LOAD_ATTACH_TYPE, attachType);
            long result = bpf(Abi.BPF_PROG_LOAD, attr);
            Errno errno = Libc.errno(result);
            if (errno == Errno.EACCES || errno == Errno.EINVAL) {
                long log = scratch.zeroed(LOG_SIZE);
                scratch.putInt(attr + Abi.BPF_LOAD_LOG_LEVEL, 1);
                scratch.putInt(attr + Abi.BPF_LOAD_LOG_SIZE, LOG_SIZE);
                scratch.putLong(attr + Abi.BPF_LOAD_LOG_BUF, log);
                result = bpf(Abi.BPF_PROG_LOAD, attr);
                String text = scratch.getAscii(log, LOG_SIZE).strip();
                return Fd.of(result, "bpf BPF_PROG_LOAD", name + " (" + lastLines(text) + ")");
            }
            return Fd.of(result, "bpf BPF_PROG_LOAD", name);
        }
    }

    private static String lastLines(String log) {
        // The last line is a statistic; the reason stands before it.
        int end = log.lastIndexOf("\nprocessed ");
        String reason = end < 0 ? log : log.substring(0, end);
        return reason.substring(reason.lastIndexOf('\n') + 1).strip();
    }

    /** @param replaced with BPF_F_REPLACE the program whose place it takes */
    static void attach(Fd cgroup, Fd program, int type, int flags, @Nullable Fd replaced) throws ErrnoException {
        try (Scratch scratch = new Scratch()) {
            long attr = scratch.zeroed(Abi.BPF_ATTR_SIZE);
            scratch.putInt(attr + Abi.BPF_ATTACH_TARGET_FD, cgroup.number());
            scratch.putInt(attr + Abi.BPF_ATTACH_BPF_FD, program.number());
            scratch.putInt(attr + Abi.BPF_ATTACH_TYPE, type);
            scratch.putInt(attr + Abi.BPF_ATTACH_FLAGS, flags);
            if (replaced != null) {
                scratch.putInt(attr + Abi.BPF_ATTACH_REPLACE_BPF_FD, replaced.number());
            }
            Libc.check(bpf(Abi.BPF_PROG_ATTACH, attr), "bpf BPF_PROG_ATTACH", cgroup.name());
        }
    }

    // NATIVE: int bpf(int cmd, union bpf_attr *attr, unsigned int size), linux/bpf.h. The union and what it points to
    // live
    // for the call. A size beyond the kernel's own is fine as long as the rest is zero. Any thread. EAGAIN: the
    // verifier was
    // interrupted by a signal and wants to be called again.
    static long bpf(int command, long attr) {
        long result;
        int attempts = 0;
        do {
            result = Libc.call(Sys.bpf, command, attr, Abi.BPF_ATTR_SIZE);
        } while (Libc.errno(result) == Errno.EAGAIN && ++attempts < 16);
        return result;
    }
}
