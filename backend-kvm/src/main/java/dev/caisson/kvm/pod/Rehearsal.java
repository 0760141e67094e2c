package dev.caisson.kvm.pod;

import dev.caisson.backend.Backend.CreateRequest;
import dev.caisson.backend.Backend.Options;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.Launcher;
import dev.caisson.kvm.guest.GuestAgent;
import dev.caisson.kvm.guest.GuestSpec;
import dev.caisson.kvm.vmm.MachineMain;
import dev.caisson.linux.Errno;
import dev.caisson.oci.Spec;
import dev.caisson.oci.SpecReader;
import dev.caisson.oci.SpecWriter;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;

/**
 * Lives of a container that is nobody's, in a machine that becomes a template: afterwards the agent has loaded and compiled what a container's life takes, and
 * each copy's first container begins with that. Its one program ends at once. Nothing of it is left.
 */
final class Rehearsal {
    private static final String ID = "rehearsal";
    private static final int ROUNDS = 3;

    /** As much as an ordinary container has. */
    private static final String CONFIGURATION = """
            {"ociVersion": "1.0.2",
             "process": {"user": {"uid": 0, "gid": 0}, "args": ["/program"], "cwd": "/", "env": ["PATH=/bin"], "noNewPrivileges": true,
              "capabilities": {"bounding": ["CAP_KILL"], "effective": ["CAP_KILL"], "permitted": ["CAP_KILL"]},
              "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}]},
             "root": {"path": "rootfs"},
             "hostname": "rehearsal",
             "mounts": [
              {"destination": "/proc", "type": "proc", "source": "proc"},
              {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
              {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]},
              {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]},
              {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid", "noexec", "nodev"]},
              {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]}],
             "linux": {"cgroupsPath": "/rehearsal",
              "resources": {"devices": [{"allow": false, "access": "rwm"}], "pids": {"limit": 32}, "memory": {"limit": 67108864}},
              "namespaces": [{"type": "pid"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}, {"type": "network"}, {"type": "cgroup"}],
              "seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
               "syscalls": [{"names": ["reboot", "kexec_load"], "action": "SCMP_ACT_ERRNO"}]},
              "maskedPaths": ["/proc/kcore", "/proc/keys", "/sys/firmware"],
              "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]}}
            """;

    private Rehearsal() {}

    /**
     * Plays them.
     *
     * @param scratch an empty directory
     */
    static void play(PodMachine machine, Launcher launcher, Path scratch) throws ContainerFault {
        Spec spec;
        Path rootfs = scratch.resolve("bundle").resolve(GuestSpec.ROOTFS);
        try {
            spec = SpecReader.read(CONFIGURATION.getBytes(StandardCharsets.UTF_8));
            Files.createDirectories(rootfs);
            Path program = Files.write(rootfs.resolve("program"), program());
            Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwxr-xr-x"));
        } catch (IOException e) {
            throw new ContainerFault(Kind.FAILED, "prepare a rehearsal: " + Errno.describe(e), e);
        }
        CreateRequest request =
                new CreateRequest(ID, scratch.resolve("bundle"), spec, List.of(), 0, 0, scratch, Options.DEFAULT);
        GuestSpec guest = GuestSpec.of(ID, spec);
        Path disk = ContainerDisk.make(request, launcher);
        for (int i = 0; i < ROUNDS; i++) {
            life(machine, disk, guest);
        }
    }

    private static void life(PodMachine machine, Path disk, GuestSpec guest) throws ContainerFault {
        int drive = machine.insert(disk);
        GuestAgent agent = machine.agent();
        String bundle = agent.bundle(ID, MachineMain.DRIVE + drive, SpecWriter.write(guest.spec()));
        agent.create(ID, bundle, agent.streams(ID, "", false));
        agent.start(ID, "");
        agent.awaitEnd(ID);
        agent.delete(ID, "");
        agent.remove(ID);
        machine.eject(drive);
    }

    private static final long LOADED_AT = 0x40_0000;
    private static final int HEADERS = 64 + 56;

    /** A static program (elf(5)) that calls exit(0). */
    private static byte[] program() {
        // mov $60, %eax; xor %edi, %edi; syscall
        byte[] code = {(byte) 0xb8, 60, 0, 0, 0, 0x31, (byte) 0xff, 0x0f, 0x05};
        int size = HEADERS + code.length;
        ByteBuffer b = ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
        b.put(new byte[] {0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0});
        // ET_EXEC for x86-64, with one program header and no sections.
        b.putShort((short) 2).putShort((short) 62).putInt(1);
        b.putLong(LOADED_AT + HEADERS).putLong(64).putLong(0).putInt(0);
        b.putShort((short) 64).putShort((short) 56).putShort((short) 1);
        b.putShort((short) 0).putShort((short) 0).putShort((short) 0);
        // PT_LOAD, to be read and executed: all of the file.
        b.putInt(1).putInt(5).putLong(0).putLong(LOADED_AT).putLong(LOADED_AT);
        b.putLong(size).putLong(size).putLong(0x1000);
        return b.put(code).array();
    }
}
