package dev.caisson.kvm;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.Launch;
import dev.caisson.backend.Launcher;
import dev.caisson.kvm.guest.GuestAgent;
import dev.caisson.kvm.guest.GuestStreams;
import dev.caisson.kvm.pod.PodMachine;
import dev.caisson.oci.InvalidSpecException;
import dev.caisson.oci.Spec;
import dev.caisson.oci.SpecReader;
import dev.caisson.oci.SpecWriter;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * A process in a machine's own system, beside its containers: with its root's files, its network, its processes and all its rights. To the agent it is a
 * container that shares everything but mounts. Whoever may ask for it has the machine's memory anyway.
 */
final class DebugShell {
    private static final String CONFIGURATION = """
            {"ociVersion": "1.0.2",
             "process": {"user": {"uid": 0, "gid": 0}, "args": ["/bin/sh"], "cwd": "/", "env": ["PATH=/bin:/sbin", "HOME=/tmp", "PS1=guest# "],
              "capabilities": {"bounding": [CAPABILITIES], "effective": [CAPABILITIES], "permitted": [CAPABILITIES]}},
             "root": {"path": "disk"},
             "mounts": [
              {"destination": "/bin", "type": "bind", "source": "/bin", "options": ["bind"]},
              {"destination": "/sbin", "type": "bind", "source": "/sbin", "options": ["bind"]},
              {"destination": "/lib", "type": "bind", "source": "/lib", "options": ["bind"]},
              {"destination": "/lib64", "type": "bind", "source": "/lib64", "options": ["bind"]},
              {"destination": "/libexec", "type": "bind", "source": "/libexec", "options": ["bind"]},
              {"destination": "/etc", "type": "bind", "source": "/etc", "options": ["bind"]},
              {"destination": "/proc", "type": "proc", "source": "proc"},
              {"destination": "/sys", "type": "bind", "source": "/sys", "options": ["rbind"]},
              {"destination": "/dev", "type": "bind", "source": "/dev", "options": ["rbind"]},
              {"destination": "/run", "type": "bind", "source": "/run", "options": ["rbind"]},
              {"destination": "/tmp", "type": "bind", "source": "/tmp", "options": ["rbind"]}],
             "linux": {"cgroupsPath": "/NAME", "namespaces": [{"type": "mount"}]}}
            """;

    private static final String CAPABILITIES = """
            "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_KILL", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_SYS_ADMIN",
            "CAP_SYS_BOOT", "CAP_SYS_CHROOT", "CAP_SYS_MODULE", "CAP_SYS_NICE", "CAP_SYS_PTRACE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYSLOG",
            "CAP_SETGID", "CAP_SETUID", "CAP_MKNOD", "CAP_BPF", "CAP_PERFMON\"""";

    private DebugShell() {}

    /** Pure. */
    static Spec spec(String name, List<String> args, boolean terminal) {
        try {
            Spec spec = SpecReader.read(CONFIGURATION
                    .replace("CAPABILITIES", CAPABILITIES)
                    .replace("NAME", name)
                    .getBytes(StandardCharsets.UTF_8));
            dev.caisson.oci.ProcessSpec.Builder process = java.util.Objects.requireNonNull(spec.process()).toBuilder();
            process.terminal = terminal;
            if (!args.isEmpty()) {
                process.args = args;
            }
            Spec.Builder b = spec.toBuilder();
            b.process = process.build();
            return b.build();
        } catch (InvalidSpecException e) {
            throw new AssertionError("the configuration of a shell", e);
        }
    }

    /** Runs it. */
    static Launch run(
            PodMachine machine, Launcher launcher, GuestProcesses.Place place, List<String> args, boolean terminal)
            throws ContainerFault {
        String id = "debug-" + GuestProcesses.newName();
        GuestAgent agent = machine.agent();
        GuestProcesses processes = new GuestProcesses(machine, launcher);
        GuestStreams streams = processes.streams(place.io(), terminal);
        agent.prepare(id, "", SpecWriter.write(spec(id, args, terminal)), streams, false, null);
        Launch proxy = processes.proxy(id, "", place, streams, () -> {});
        agent.start(id, "");
        GuestProcesses.open(proxy);
        GuestProcesses.whenEnded(proxy, () -> {
            agent.delete(id, "");
            agent.remove(id);
        });
        return proxy;
    }
}
