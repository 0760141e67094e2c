package dev.caisson.linux;

/**
 * Device access control of cgroup v2: loads and attaches eBPF programs of type BPF_PROG_TYPE_CGROUP_DEVICE (bpf(2), Linux
 * 4.15). The cgroup holds a reference to an attached program, so the descriptor may be closed and nothing needs a pin.
 */
public final class CgroupDevicePrograms {
    /** The kernel's own limit per cgroup and attach type (BPF_CGROUP_MAX_PROGS). */
    private static final int PROGRAMS_LIMIT = 64;

    private CgroupDevicePrograms() {}

    /**
     * Has the kernel verify a program.
     *
     * @param instructions eBPF instructions of 8 bytes each, little endian
     * @param name shown by bpftool; at most 15 letters, digits, dots and underscores
     * @throws ErrnoException EACCES or EINVAL when the verifier refuses the program, with its last line as subject; EPERM
     *     without CAP_BPF (CAP_SYS_ADMIN before 5.8)
     */
    public static Fd load(byte[] instructions, String name) throws ErrnoException {
        return BpfPrograms.load(Abi.BPF_PROG_TYPE_CGROUP_DEVICE, 0, instructions, name);
    }

    /**
     * Makes a program the only one of a cgroup, without a moment in which none is attached: a single old one is replaced
     * atomically, several are detached after the new one has joined them (all attached programs must allow an access).
     *
     * @param cgroup the directory in a cgroup2 mount, opened for reading
     * @param program from {@link #load}; may be closed afterwards
     */
    public static void attach(Fd cgroup, Fd program) throws ErrnoException {
        int[] old = query(cgroup);
        if (old.length == 1) {
            try (Fd replaced = byId(old[0])) {
                BpfPrograms.attach(
                        cgroup, program, Abi.BPF_CGROUP_DEVICE, Abi.BPF_F_ALLOW_MULTI | Abi.BPF_F_REPLACE, replaced);
            }
            return;
        }
        BpfPrograms.attach(cgroup, program, Abi.BPF_CGROUP_DEVICE, Abi.BPF_F_ALLOW_MULTI, null);
        for (int id : old) {
            try (Fd detached = byId(id)) {
                detach(cgroup, detached);
            }
        }
    }

    /** Takes a program off a cgroup. */
    public static void detach(Fd cgroup, Fd program) throws ErrnoException {
        try (Scratch scratch = new Scratch()) {
            long attr = scratch.zeroed(Abi.BPF_ATTR_SIZE);
            scratch.putInt(attr + Abi.BPF_ATTACH_TARGET_FD, cgroup.number());
            scratch.putInt(attr + Abi.BPF_ATTACH_BPF_FD, program.number());
            scratch.putInt(attr + Abi.BPF_ATTACH_TYPE, Abi.BPF_CGROUP_DEVICE);
            Libc.check(BpfPrograms.bpf(Abi.BPF_PROG_DETACH, attr), "bpf BPF_PROG_DETACH", cgroup.name());
        }
    }

    /** The ids of the device programs that are attached to this very cgroup, in order of attachment. */
    public static int[] query(Fd cgroup) throws ErrnoException {
        try (Scratch scratch = new Scratch()) {
            long attr = scratch.zeroed(Abi.BPF_ATTR_SIZE);
            long ids = scratch.zeroed(PROGRAMS_LIMIT * Integer.BYTES);
            scratch.putInt(attr + Abi.BPF_QUERY_TARGET_FD, cgroup.number());
            scratch.putInt(attr + Abi.BPF_QUERY_TYPE, Abi.BPF_CGROUP_DEVICE);
            scratch.putLong(attr + Abi.BPF_QUERY_PROG_IDS, ids);
            scratch.putInt(attr + Abi.BPF_QUERY_PROG_CNT, PROGRAMS_LIMIT);
            Libc.check(BpfPrograms.bpf(Abi.BPF_PROG_QUERY, attr), "bpf BPF_PROG_QUERY", cgroup.name());
            int count = Math.min(PROGRAMS_LIMIT, scratch.getInt(attr + Abi.BPF_QUERY_PROG_CNT));
            int[] found = new int[count];
            for (int i = 0; i < count; i++) {
                found[i] = scratch.getInt(ids + (long) i * Integer.BYTES);
            }
            return found;
        }
    }

    private static Fd byId(int id) throws ErrnoException {
        try (Scratch scratch = new Scratch()) {
            long attr = scratch.zeroed(Abi.BPF_ATTR_SIZE);
            scratch.putInt(attr + Abi.BPF_GET_PROG_ID, id);
            return Fd.of(
                    BpfPrograms.bpf(Abi.BPF_PROG_GET_FD_BY_ID, attr), "bpf BPF_PROG_GET_FD_BY_ID", "program " + id);
        }
    }
}
