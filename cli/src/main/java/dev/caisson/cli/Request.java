package dev.caisson.cli;

import dev.caisson.cli.grammar.Arguments;
import dev.caisson.linux.Errno;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import org.jspecify.annotations.Nullable;

/** One invocation that asks for a verb. */
record Request(Invocation call, Arguments args, CallerFiles files, Containers containers, Neighbours neighbours) {
    String id() throws Failure {
        return ContainerStore.requireId(args.id());
    }

    void out(String text) {
        call.out(text.getBytes(StandardCharsets.UTF_8));
    }

    void done() {
        call.end(0);
    }

    /** Writes the process's id where the caller wants it: all of it or nothing, without a newline (runc). */
    void writePidFile(int pid) throws Failure {
        String name = args.value("pid-file");
        if (name == null) {
            return;
        }
        Path file = files.here(name);
        Path fresh = file.resolveSibling("." + file.getFileName());
        try {
            Files.writeString(fresh, Integer.toString(pid));
            Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            throw new Failure("write pid file " + name + ": " + Errno.describe(e), e);
        }
    }

    /** What {@code --rootless} says; null for {@code auto}. Its words are those of Go's ParseBool, as in runc. */
    @Nullable
    Boolean rootless() throws Failure {
        String text = args.global("rootless");
        if (text == null) {
            return null;
        }
        return switch (text) {
            case "auto", "" -> null;
            case "1", "t", "T", "true", "TRUE", "True" -> Boolean.TRUE;
            case "0", "f", "F", "false", "FALSE", "False" -> Boolean.FALSE;
            default ->
                throw new Failure("invalid value \"" + text + "\" for flag --rootless: neither true, false nor auto");
        };
    }

    /** How many descriptors the main process gets: those that systemd passed, and those that a flag names. */
    int preserved() throws Failure {
        String text = args.value("preserve-fds", "0");
        try {
            int n = Integer.parseInt(text) + listenFds();
            if (n >= 0 && n <= MOST_PRESERVED) {
                return n;
            }
        } catch (NumberFormatException e) {
            // said below
        }
        throw new Failure("invalid value \"" + text + "\" for flag --preserve-fds");
    }

    private static final int MOST_PRESERVED = 1024;

    /** sd_listen_fds(3): they are this command's only if its own pid is named. */
    int listenFds() {
        if (!Integer.toString(call.pid()).equals(call.variable("LISTEN_PID"))) {
            return 0;
        }
        try {
            return Math.max(0, Integer.parseInt(call.variable("LISTEN_FDS")));
        } catch (NumberFormatException e) {
            return 0;
        }
    }

    Invocation.@Nullable Console console(boolean terminal, boolean stays) throws Failure {
        String socket = args.value("console-socket");
        if (terminal && !stays && socket == null) {
            throw new Failure("cannot allocate tty if runc will detach without setting console socket");
        }
        if (socket != null && (!terminal || stays)) {
            throw new Failure("cannot use console socket if runc will not detach or allocate tty");
        }
        if (socket == null) {
            return null;
        }
        String path = files.here(socket).toString();
        return (pid, fd) -> Descriptors.sendTerminal(path, pid, fd);
    }
}
