package dev.caisson.namespace;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.Launch;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.PidFds;
import dev.caisson.linux.ProgramFile;
import dev.caisson.namespace.plan.Notes;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Why a program that is there could not be executed. The kernel's errno is about whatever it needed first: a loader or an interpreter
 * that is missing gives "no such file" for a file that everybody can see. The process that failed waits a moment with the program open,
 * so that this can look at it and at its root file system.
 */
final class ExecFailure {
    private static final byte GO = 'g';

    private ExecFailure() {}

    /** {@link Launch#awaitLaunched}, with a failed execve explained behind the kernel's words. */
    static void awaitLaunched(Launch launch, Duration timeout) throws ContainerFault {
        Long program = launch.awaitLaunchedOr(Notes.UNEXECUTABLE, timeout);
        if (program == null) {
            return;
        }
        // The launcher's word for the pid may come after the process's own.
        var _ = launch.awaitNote(Notes.PID, timeout);
        String why = explain(launch.pid(), program.intValue());
        launch.gate(GO);
        try {
            launch.awaitLaunched(timeout);
        } catch (ContainerFault e) {
            throw why == null ? e : new ContainerFault(e.kind(), e.getMessage() + ": " + why, e);
        }
    }

    private static @Nullable String explain(int pid, int descriptor) {
        try (Fd pidfd = PidFds.open(pid)) {
            if (pidfd == null) {
                return null;
            }
            try (Fd program = PidFds.getFd(pidfd, descriptor);
                    Fd root = HostFiles.open("/proc/" + pid + "/root", HostFiles.O_PATH | HostFiles.O_DIRECTORY, 0)) {
                return explain(Path.of(program.procPath()), root);
            }
        } catch (IOException e) {
            return null; // it does not wait for long
        }
    }

    private static @Nullable String explain(Path program, Fd root) throws IOException {
        if (!Files.isRegularFile(program)) {
            return null;
        }
        try (FileChannel channel = FileChannel.open(program)) {
            ProgramFile file = ProgramFile.read((position, length) -> {
                ByteBuffer bytes = ByteBuffer.allocate(length);
                while (bytes.hasRemaining() && channel.read(bytes, position + bytes.position()) > 0) {
                    // again
                }
                return bytes.flip();
            });
            return explain(file, root);
        }
    }

    private static @Nullable String explain(ProgramFile file, Fd root) {
        String interpreter = file.interpreter();
        return switch (file.kind()) {
            case EMPTY -> "the file is empty";
            case OTHER -> "it is neither an ELF program nor a script that begins with #!";
            case SCRIPT ->
                interpreter == null ? "its first line names no interpreter" : missing(root, "interpreter", interpreter);
            case ELF ->
                file.machine() != ProgramFile.EM_X86_64 && file.machine() != ProgramFile.EM_386
                        ? "it is a program for another machine (ELF machine " + file.machine() + ")"
                        : interpreter == null ? null : missing(root, "loader", interpreter);
        };
    }

    /** @return null if the file is there and may be executed */
    private static @Nullable String missing(Fd root, String what, String path) {
        String shown = printable(path);
        if (!path.startsWith("/")) {
            return "its " + what + " " + shown + " is not an absolute path";
        }
        try (Fd fd = HostFiles.openInRoot(root, path, HostFiles.O_PATH, 0)) {
            Path file = Path.of(fd.procPath());
            if (!Files.isRegularFile(file)) {
                return "its " + what + " " + shown + " is not a regular file";
            }
            boolean executable = Files.getPosixFilePermissions(file).stream()
                    .anyMatch(p -> p == PosixFilePermission.OWNER_EXECUTE
                            || p == PosixFilePermission.GROUP_EXECUTE
                            || p == PosixFilePermission.OTHERS_EXECUTE);
            return executable ? null : "its " + what + " " + shown + " is not executable";
        } catch (ErrnoException e) {
            String hint = path.endsWith("\r") ? " (the line ends with a carriage return)" : "";
            return "its " + what + " " + shown + " cannot be found in the root file system" + hint;
        } catch (IOException e) {
            return null;
        }
    }

    /** Bytes of an image, for a message. */
    private static String printable(String text) {
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < Math.min(text.length(), 200); i++) {
            char c = text.charAt(i);
            out.append(c >= 0x20 && c < 0x7f ? c : '?');
        }
        return out.toString();
    }
}
