package dev.caisson.tests.bench;

import dev.caisson.tests.support.HostSnapshot;
import dev.caisson.tests.support.PrivateContainerd;
import dev.caisson.tests.support.Proc;
import java.util.ArrayList;
import java.util.List;

/**
 * One runtime under one containerd.
 *
 * @param peer {@code caisson}, {@code runc} or {@code crun}
 * @param line containerd release line
 * @param bed the private containerd
 */
record Subject(String peer, String line, PrivateContainerd bed) {
    boolean isCaisson() {
        return peer.equals("caisson");
    }

    String name() {
        return peer + "/" + line;
    }

    /**
     * Every process of the runtime: what the test bed started, without containerd and its client and without what runs in
     * a container (which has a pid namespace of its own).
     */
    List<Long> runtimeProcesses() {
        String hostPids = Proc.link(ProcessHandle.current().pid(), "ns/pid");
        List<Long> runtime = new ArrayList<>();
        for (long pid : HostSnapshot.processesOf(bed.tag())) {
            String command = Proc.read(pid, "cmdline");
            boolean client = command.contains("/ctr ") || command.contains("containerd --config");
            if (!client && Proc.link(pid, "ns/pid").equals(hostPids)) {
                runtime.add(pid);
            }
        }
        return runtime;
    }

    /** Proportional set size of the whole runtime in KiB. */
    long pssKib() {
        long sum = 0;
        for (long pid : runtimeProcesses()) {
            sum += Proc.rollupKib(pid, "Pss");
        }
        return sum;
    }

    /** Private clean and dirty memory of the whole runtime in KiB. */
    long privateKib() {
        long sum = 0;
        for (long pid : runtimeProcesses()) {
            sum += Proc.rollupKib(pid, "Private_Clean") + Proc.rollupKib(pid, "Private_Dirty");
        }
        return sum;
    }

    /** Processor time of the whole runtime in clock ticks of 10 ms. */
    long cpuTicks() {
        long sum = 0;
        for (long pid : runtimeProcesses()) {
            sum += Proc.cpuTicks(pid);
        }
        return sum;
    }
}
