package dev.caisson.linux;

import dev.caisson.linux.bpf.EgressProgram;

/**
 * Says where processes of a cgroup v2 may connect and send to (Linux 5.5; on hosts whose controllers are of version 1 as well, if a version 2
 * hierarchy is mounted). The kernel asks with the address that it has copied already, so nobody can exchange it afterwards. It asks the
 * group of the socket's maker, and of all groups above. The cgroup holds the programs; there is nothing to take off again.
 */
public final class CgroupEgressPrograms {
    private static final int PAGE = 4096;

    private CgroupEgressPrograms() {}

    /**
     * Memory that programs read and whoever maps it writes: the addresses of names.
     *
     * @param size in bytes
     */
    public static Fd table(int size) throws ErrnoException {
        try (Scratch scratch = new Scratch()) {
            long attr = scratch.zeroed(Abi.BPF_ATTR_SIZE);
            scratch.putInt(attr + Abi.BPF_MAP_TYPE, Abi.BPF_MAP_TYPE_ARRAY);
            scratch.putInt(attr + Abi.BPF_MAP_KEY_SIZE, Integer.BYTES);
            scratch.putInt(attr + Abi.BPF_MAP_VALUE_SIZE, (size + PAGE - 1) / PAGE * PAGE);
            scratch.putInt(attr + Abi.BPF_MAP_ENTRIES, 1);
            scratch.putInt(attr + Abi.BPF_MAP_FLAGS, Abi.BPF_F_MMAPABLE);
            scratch.putBytes(attr + Abi.BPF_MAP_NAME, PathBytes.encode("caisson_names"));
            return Fd.of(BpfPrograms.bpf(Abi.BPF_MAP_CREATE, attr), "bpf BPF_MAP_CREATE", "caisson_names");
        }
    }

    /**
     * Attaches a policy's programs, beside those that others have attached.
     *
     * @param cgroup the directory in a cgroup2 mount, opened for reading
     * @param table of {@link #table}; may be closed afterwards
     * @throws ErrnoException EPERM without the right to, or where a group above allows no further programs
     */
    public static void attach(Fd cgroup, EgressProgram policy, Fd table) throws ErrnoException {
        byte[] inet4 = EgressProgram.bytes(policy.addresses(false), table.number());
        byte[] inet6 = EgressProgram.bytes(policy.addresses(true), table.number());
        int address = Abi.BPF_PROG_TYPE_CGROUP_SOCK_ADDR;
        attach(cgroup, address, Abi.BPF_CGROUP_INET4_CONNECT, inet4, "caisson_conn4");
        attach(cgroup, address, Abi.BPF_CGROUP_INET6_CONNECT, inet6, "caisson_conn6");
        attach(cgroup, address, Abi.BPF_CGROUP_UDP4_SENDMSG, inet4, "caisson_send4");
        attach(cgroup, address, Abi.BPF_CGROUP_UDP6_SENDMSG, inet6, "caisson_send6");
        byte[] packets = EgressProgram.bytes(EgressProgram.packets(), table.number());
        attach(cgroup, Abi.BPF_PROG_TYPE_CGROUP_SKB, Abi.BPF_CGROUP_INET_EGRESS, packets, "caisson_packet");
    }

    private static void attach(Fd cgroup, int type, int attachType, byte[] instructions, String name)
            throws ErrnoException {
        try (Fd program = BpfPrograms.load(type, attachType, instructions, name)) {
            BpfPrograms.attach(cgroup, program, attachType, Abi.BPF_F_ALLOW_MULTI, null);
        }
    }
}
