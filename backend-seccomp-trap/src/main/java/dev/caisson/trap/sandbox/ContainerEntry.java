package dev.caisson.trap.sandbox;

import dev.caisson.linux.Errno;
import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;
import dev.caisson.trap.dispatch.ContainerView;
import dev.caisson.trap.dispatch.FileSizes;
import dev.caisson.trap.dispatch.GuestCall;
import dev.caisson.trap.dispatch.HandedOver;
import dev.caisson.trap.dispatch.Nr;
import dev.caisson.trap.egress.ContainerEgress;
import dev.caisson.trap.limits.SandboxMemory;
import dev.caisson.trap.mounts.Mounts;
import dev.caisson.trap.policy.ContainerPolicy;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/** How threads of ours get to where a container's names, network and host name are. Thread-safe. */
final class ContainerEntry {
    private static final int CLONE_FS = 0x200;
    private static final long NAMESPACES =
            0x0002_0000L /* NS */ | 0x4000_0000L /* NET */ | 0x0400_0000L /* UTS */ | 0x0800_0000L /* IPC */;
    private static final int AT_FDCWD = -100;
    private static final int O_CLOEXEC = 0x80000;
    private static final int O_PATH_DIRECTORY = 0x210000 | 0x80000;

    private final int hostProc;
    private final int init;
    private final int initPid;
    private final boolean isStrict;
    private final ContainerPolicy policy;
    private final @Nullable ContainerEgress egress;
    private final HandedOver handedOver;
    private final SandboxMemory memory;
    private final @Nullable Mounts mounts;
    private final FileSizes fileSizes = new FileSizes();
    private @Nullable ContainerView view;

    /**
     * @param hostProc a descriptor of the host's /proc
     * @param init a pidfd of the container's first process
     * @param initPid its pid on the host
     * @param isStrict whether the container's tier is the strict one
     * @param policy the container's
     * @param egress the container's, if it has one
     * @param handedOver the pod's
     * @param memory the pod's
     * @param mounts what it mounts; null where it may not
     */
    ContainerEntry(
            int hostProc,
            int init,
            int initPid,
            boolean isStrict,
            ContainerPolicy policy,
            @Nullable ContainerEgress egress,
            HandedOver handedOver,
            SandboxMemory memory,
            @Nullable Mounts mounts) {
        this.hostProc = hostProc;
        this.init = init;
        this.initPid = initPid;
        this.isStrict = isStrict;
        this.policy = policy;
        this.egress = egress;
        this.handedOver = handedOver;
        this.memory = memory;
        this.mounts = mounts;
    }

    /**
     * Moves the calling thread, and no other, into the container's namespaces, its root included. What it opens by name from then on is the
     * container's.
     *
     * @return 0, or a negative errno
     */
    long enter(KernelCalls kernel) {
        long result = kernel.call(Nr.unshare, CLONE_FS);
        if (result == 0) {
            result = kernel.call(Nr.setns, init, NAMESPACES);
        }
        if (result == 0) {
            kernel.call(Nr.umask, 0);
            // What is made there is root's.
            kernel.call(Nr.setfsgid, 0);
            kernel.call(Nr.setfsuid, 0);
            result = view(kernel);
        }
        return result;
    }

    private synchronized long view(KernelCalls kernel) {
        if (view != null) {
            return 0;
        }
        try (NativeMemory small = new NativeMemory(256);
                NativeMemory room = new NativeMemory(GuestCall.DATA)) {
            small.putString(0, initPid + "/exe");
            policy.launchedBy(GuestCall.program(kernel, hostProc, small, room));
            small.putString(0, "/proc");
            long fd = kernel.call(Nr.openat, AT_FDCWD, small.address(), O_PATH_DIRECTORY);
            if (fd < 0 && fd != -Errno.ENOENT.number()) {
                return fd;
            }
            long device = -1;
            if (fd >= 0) {
                kernel.call(Nr.fstat, fd, small.address());
                device = small.getLong(0);
                kernel.call(Nr.close, fd);
            }
            view = new ContainerView(
                    hostProc,
                    device,
                    isStrict,
                    bootId(kernel, small),
                    initPid,
                    policy,
                    egress,
                    fileSizes,
                    handedOver,
                    memory,
                    mounts);
            return new ContainerMounts(kernel).prepare();
        }
    }

    private String bootId(KernelCalls kernel, NativeMemory memory) {
        memory.putString(0, "sys/kernel/random/uuid");
        long fd = kernel.call(Nr.openat, hostProc, memory.address(), O_CLOEXEC);
        long length = kernel.call(Nr.read, fd, memory.address(), 64);
        kernel.call(Nr.close, fd);
        return length <= 0 ? "" : new String(memory.getBytes(0, (int) length), StandardCharsets.US_ASCII);
    }

    /** A process is served from now on. */
    void enters(KernelCalls kernel, int pid) {
        fileSizes.enters(kernel, hostProc, pid);
    }

    /** After the container's end; nobody enters any more. */
    void close(KernelCalls kernel) {
        kernel.call(Nr.close, init);
        if (mounts != null) {
            mounts.close();
        }
        synchronized (this) {
            if (view != null) {
                view.waitingCalls().close(kernel);
            }
        }
    }

    /** What the container's calls have in common; there after {@link #enter}. */
    synchronized ContainerView view() {
        return java.util.Objects.requireNonNull(view);
    }
}
