package dev.caisson.trap.sandbox;

import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;
import dev.caisson.trap.dispatch.Nr;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/** Prepares the container's mounts before its program runs: no devices but those below /dev, and a /sys of ours. On a thread that has entered. */
final class ContainerMounts {
    private static final int AT_FDCWD = -100;
    private static final int O_PATH_CLOEXEC = 0x280000;
    private static final int MOUNT_ATTR_NODEV = 4;
    private static final int MOUNT_ATTR_RDONLY = 1;
    private static final int O_CLOEXEC = 0x80000;
    private static final int O_CREATE_FILE = 0x80241; // O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC
    private static final int ATTR = 4096;
    private static final int STATFS = 4352;
    private static final long TMPFS_MAGIC = 0x0102_1994L;

    private final KernelCalls kernel;

    ContainerMounts(KernelCalls kernel) {
        this.kernel = kernel;
    }

    /** 0, or a negative errno. */
    long prepare() {
        try (NativeMemory memory = new NativeMemory(8192)) {
            // A device node in an image would otherwise be opened with our rights and not with the guest's.
            long result = set(memory, "/", MOUNT_ATTR_NODEV);
            if (result < 0) {
                return result;
            }
            memory.putString(0, "/sys");
            long sys = kernel.call(Nr.openat, AT_FDCWD, memory.address(), O_PATH_CLOEXEC);
            boolean isOurs =
                    kernel.call(Nr.fstatfs, sys, memory.address(STATFS)) == 0 && memory.getLong(STATFS) == TMPFS_MAGIC;
            kernel.call(Nr.close, sys);
            if (isOurs) {
                sys().forEach((path, text) -> write(memory, path, text));
                networkDevices(memory).forEach(name -> write(memory, "/sys/class/net/" + name + "/.keep", ""));
                return set(memory, "/sys", MOUNT_ATTR_RDONLY);
            }
            return 0;
        }
    }

    private long set(NativeMemory memory, String path, int attribute) {
        memory.putString(0, path);
        memory.zero(ATTR, 32);
        memory.putLong(ATTR, attribute);
        return kernel.call(Nr.mount_setattr, AT_FDCWD, memory.address(), 0, memory.address(ATTR), 32);
    }

    private static Map<String, String> sys() {
        String cpus = "0-" + (Runtime.getRuntime().availableProcessors() - 1) + "\n";
        return Map.of(
                "/sys/devices/system/cpu/online", cpus,
                "/sys/devices/system/cpu/possible", cpus,
                "/sys/devices/system/cpu/present", cpus,
                "/sys/devices/system/node/online", "0\n",
                "/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n",
                "/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", "2097152\n",
                "/sys/fs/cgroup/.keep", "",
                "/sys/module/.keep", "");
    }

    /** Of the container's network namespace (proc_pid_net(5), dev): the lines behind two of headings begin with them. */
    private List<String> networkDevices(NativeMemory memory) {
        memory.putString(0, "/proc/1/net/dev");
        long fd = kernel.call(Nr.openat, AT_FDCWD, memory.address(), O_CLOEXEC);
        long length = kernel.call(Nr.read, fd, memory.address(), memory.size());
        kernel.call(Nr.close, fd);
        if (length <= 0) {
            return List.of();
        }
        return new String(memory.getBytes(0, (int) length), StandardCharsets.US_ASCII)
                .lines()
                .skip(2)
                .filter(line -> line.contains(":"))
                .map(line -> line.substring(0, line.indexOf(':')).strip())
                .toList();
    }

    private void write(NativeMemory memory, String path, String text) {
        for (int at = path.indexOf('/', 1); at >= 0; at = path.indexOf('/', at + 1)) {
            memory.putString(0, path.substring(0, at));
            kernel.call(Nr.mkdirat, AT_FDCWD, memory.address(), 0755);
        }
        if (path.endsWith("/.keep")) {
            return;
        }
        memory.putString(0, path);
        long fd = kernel.call(Nr.openat, AT_FDCWD, memory.address(), O_CREATE_FILE, 0444);
        byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
        memory.putBytes(0, bytes);
        kernel.call(Nr.write, fd, memory.address(), bytes.length);
        kernel.call(Nr.close, fd);
    }
}
