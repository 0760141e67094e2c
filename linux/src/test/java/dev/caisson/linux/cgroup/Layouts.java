package dev.caisson.linux.cgroup;

import dev.caisson.linux.MountInfo;
import java.io.IOException;
import java.io.UncheckedIOException;

/** Hosts as text, taken from real ones: Debian 9 (version 1), this kind of machine (hybrid), Debian 12 (version 2). */
final class Layouts {
    static final String V1_MOUNTS = """
            24 29 0:22 / /sys/fs/cgroup ro,nosuid,nodev,noexec shared:9 - tmpfs tmpfs ro,mode=755
            25 24 0:23 / /sys/fs/cgroup/systemd rw,nosuid shared:10 - cgroup cgroup rw,xattr,release_agent=/lib/x,name=systemd
            30 24 0:26 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:13 - cgroup cgroup rw,cpu,cpuacct
            31 24 0:27 / /sys/fs/cgroup/memory rw,nosuid shared:14 - cgroup cgroup rw,memory
            32 24 0:28 / /sys/fs/cgroup/cpuset rw,nosuid shared:15 - cgroup cgroup rw,cpuset
            33 24 0:29 / /sys/fs/cgroup/net_cls,net_prio rw shared:16 - cgroup cgroup rw,net_cls,net_prio
            34 24 0:30 / /sys/fs/cgroup/blkio rw,nosuid shared:17 - cgroup cgroup rw,blkio
            35 24 0:31 / /sys/fs/cgroup/pids rw,nosuid shared:18 - cgroup cgroup rw,pids
            36 24 0:32 / /sys/fs/cgroup/devices rw,nosuid shared:19 - cgroup cgroup rw,devices
            37 24 0:33 / /sys/fs/cgroup/hugetlb rw,nosuid shared:20 - cgroup cgroup rw,hugetlb
            38 24 0:34 / /sys/fs/cgroup/freezer rw,nosuid shared:21 - cgroup cgroup rw,freezer
            39 24 0:35 / /sys/fs/cgroup/rdma rw,nosuid shared:22 - cgroup cgroup rw,rdma
            """;
    static final String V1_GROUPS = """
            11:rdma:/
            10:freezer:/
            9:hugetlb:/
            8:devices:/system.slice/caisson.service
            7:pids:/system.slice/caisson.service
            6:blkio:/system.slice/caisson.service
            5:net_cls,net_prio:/
            4:cpuset:/
            3:memory:/system.slice/caisson.service
            2:cpu,cpuacct:/system.slice/caisson.service
            1:name=systemd:/system.slice/caisson.service
            """;
    static final String HYBRID_MOUNTS = """
            31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
            32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
            33 31 0:30 / /sys/fs/cgroup/cpuacct rw,relatime - cgroup cgroup rw,cpuacct
            35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
            40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
            41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
            """;
    static final String HYBRID_GROUPS = """
            9:name=systemd:/
            4:memory:/process_api/c09ac8f84060ee6310a9001f7fcfaff2
            2:cpuacct:/
            1:cpu:/
            0::/
            """;
    static final String V2_MOUNTS = """
            25 23 0:22 / /proc rw - proc proc rw
            31 23 0:28 / /run/containerd/x/rootfs/sys/fs/cgroup ro,relatime - cgroup2 cgroup rw
            32 24 0:28 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate
            """;
    static final String V2_GROUPS = "0::/system.slice/caisson.service\n";
    static final String V2_CONTROLLERS = "cpuset cpu io memory hugetlb pids rdma misc\n";
    /** Docker without a cgroup namespace: the mounts show only the container's part of each hierarchy. */
    static final String NESTED_MOUNTS = """
            90 80 0:29 /docker/abc /sys/fs/cgroup/memory ro,relatime master:11 - cgroup cgroup rw,memory
            91 80 0:30 /docker/abc /sys/fs/cgroup/pids ro,relatime master:11 - cgroup cgroup rw,pids
            92 80 0:38 /docker/abc /sys/fs/cgroup/unified ro,relatime master:11 - cgroup2 cgroup2 rw
            """;

    static final String NESTED_GROUPS = """
            5:memory:/docker/abc/inner/deep
            4:pids:/docker/abc
            3:cpu:/docker/abc
            0::/docker/abc/inner/deep
            """;

    private Layouts() {}

    static CgroupLayout v1() {
        return layout(V1_MOUNTS, V1_GROUPS, "");
    }

    static CgroupLayout hybrid() {
        return layout(HYBRID_MOUNTS, HYBRID_GROUPS, "hugetlb\n");
    }

    static CgroupLayout v2() {
        return layout(V2_MOUNTS, V2_GROUPS, V2_CONTROLLERS);
    }

    static CgroupLayout nested() {
        return layout(NESTED_MOUNTS, NESTED_GROUPS, "");
    }

    static CgroupLayout layout(String mounts, String groups, String controllers) {
        try {
            return CgroupLayout.of(MountInfo.parse(mounts), groups, path -> controllers);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
