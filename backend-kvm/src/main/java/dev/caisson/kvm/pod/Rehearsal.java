package dev.caisson.kvm.pod;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.kvm.guest.GuestAgent;
import dev.caisson.kvm.guest.GuestSpec;
import dev.caisson.kvm.guest.GuestStreams;
import dev.caisson.kvm.vmm.ContainerLimits;
import dev.caisson.kvm.vmm.MachineMain;
import dev.caisson.linux.Errno;
import dev.caisson.oci.InvalidSpecException;
import dev.caisson.oci.SpecReader;
import dev.caisson.oci.SpecWriter;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ServerSocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/**
 * Lives of a container that is nobody's, in a machine that becomes a template: afterwards the agent has loaded and compiled what a container's life takes, and
 * each copy's first container begins with that. A copy that waits for its pod plays one more, and has its own of the memory
 * that such a life writes to. Its one program ends at once. Nothing of it is left.
 */
final class Rehearsal {
    private static final String ID = "rehearsal";
    private static final String DISK_SIZE = "64M";
    private static final int STREAMS = 3;
    /** Of the host's; nobody else of a machine's has any yet. */
    private static final int FIRST_PORT = 1 << 16;

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

    /** Plays some lives; the machine is a pod's no sooner than afterwards. */
    static void play(PodMachine machine, int rounds) throws ContainerFault {
        try {
            Path scratch = Files.createTempDirectory("caisson-rehearsal");
            try {
                Path disk = disk(scratch);
                GuestSpec guest = GuestSpec.of(ID, SpecReader.read(CONFIGURATION.getBytes(StandardCharsets.UTF_8)));
                for (int i = 0; i < rounds; i++) {
                    life(machine, disk, guest);
                }
            } finally {
                remove(scratch);
            }
        } catch (InvalidSpecException e) {
            throw new AssertionError("the configuration of a rehearsal", e);
        } catch (IOException e) {
            throw new ContainerFault(Kind.FAILED, "rehearse in a virtual machine: " + Errno.describe(e), e);
        }
    }

    /** As a container's, of nobody's mounts. */
    private static Path disk(Path scratch) throws IOException, ContainerFault {
        Path stage = scratch.resolve("stage");
        Path rootfs = Files.createDirectories(stage.resolve(GuestSpec.ROOTFS));
        Path program = Files.write(rootfs.resolve("program"), program());
        Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwxr-xr-x"));
        Path disk = scratch.resolve("disk");
        Process maker = new ProcessBuilder(ContainerDisk.command(stage, disk, DISK_SIZE))
                .redirectErrorStream(true)
                .start();
        maker.getOutputStream().close();
        String said = new String(maker.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        try {
            if (maker.waitFor() != 0) {
                throw new IOException("make a disk: " + said.strip());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
        return disk;
    }

    /** Files first. */
    private static void remove(Path tree) throws IOException {
        try (Stream<Path> all = Files.walk(tree)) {
            for (Path each : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(each);
            }
        }
    }

    private static void life(PodMachine machine, Path disk, GuestSpec guest) throws ContainerFault, IOException {
        int drive = machine.requests().insert(disk, ContainerLimits.NONE).drive();
        GuestAgent agent = machine.agent();
        agent.prepare(
                ID, MachineMain.DRIVE + drive, SpecWriter.write(guest.spec()), GuestStreams.all(false), false, null);
        connectStreams(machine);
        var _ = agent.stats(ID);
        agent.start(ID, "");
        agent.awaitEnd(ID);
        agent.delete(ID, "");
        agent.remove(ID);
        machine.requests().eject(drive);
    }

    /** With nobody: the guest's calls are answered, and their ends closed. */
    private static void connectStreams(PodMachine machine) throws ContainerFault, IOException {
        List<ServerSocketChannel> listeners = new ArrayList<>();
        try {
            for (int i = 0; i < STREAMS; i++) {
                ServerSocketChannel each = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
                listeners.add(each);
                each.bind(UnixDomainSocketAddress.of(machine.port(FIRST_PORT + i)));
                Thread.ofVirtual().name("rehearsal").start(() -> hangUp(each));
            }
            machine.agent().connectStreams(ID, "", FIRST_PORT, FIRST_PORT + 1, FIRST_PORT + 2);
        } finally {
            for (int i = 0; i < listeners.size(); i++) {
                listeners.get(i).close();
                Files.deleteIfExists(machine.port(FIRST_PORT + i));
            }
        }
    }

    private static void hangUp(ServerSocketChannel listener) {
        try {
            listener.accept().close();
        } catch (IOException e) {
            // It was closed: nobody calls any more.
        }
    }

    private static final long LOADED_AT = 0x40_0000;
    private static final int HEADERS = 64 + 56;
    private static final int PAGE = 4096;

    /** Of an ordinary program: the guest's kernel takes as much memory for it. */
    private static final int PROGRAM = 2 << 20;

    private static final byte NOP = (byte) 0x90;

    /** A static program (elf(5)) that reads a byte of each of its pages, and calls exit(0). */
    private static byte[] program() {
        ByteBuffer b = ByteBuffer.allocate(PROGRAM).order(ByteOrder.LITTLE_ENDIAN);
        b.put(new byte[] {0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0});
        // ET_EXEC for x86-64, with one program header and no sections.
        b.putShort((short) 2).putShort((short) 62).putInt(1);
        b.putLong(LOADED_AT + HEADERS).putLong(64).putLong(0).putInt(0);
        b.putShort((short) 64).putShort((short) 56).putShort((short) 1);
        b.putShort((short) 0).putShort((short) 0).putShort((short) 0);
        // PT_LOAD, to be read and executed: all of the file.
        b.putInt(1).putInt(5).putLong(0).putLong(LOADED_AT).putLong(LOADED_AT);
        b.putLong(PROGRAM).putLong(PROGRAM).putLong(PAGE);
        // mov $LOADED_AT, %esi; 1: mov (%rsi), %al; add $PAGE, %esi; cmp $end, %esi; jb 1b
        b.put((byte) 0xbe).putInt((int) LOADED_AT).put((byte) 0x8a).put((byte) 0x06);
        b.put((byte) 0x81).put((byte) 0xc6).putInt(PAGE);
        b.put((byte) 0x81).put((byte) 0xfe).putInt((int) LOADED_AT + PROGRAM);
        b.put((byte) 0x72).put((byte) -16);
        // mov $60, %eax; xor %edi, %edi; syscall
        b.put(new byte[] {(byte) 0xb8, 60, 0, 0, 0, 0x31, (byte) 0xff, 0x0f, 0x05});
        // No holes in the disk's file system.
        while (b.hasRemaining()) {
            b.put(NOP);
        }
        return b.array();
    }
}
