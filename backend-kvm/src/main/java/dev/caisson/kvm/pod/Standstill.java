package dev.caisson.kvm.pod;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.Processes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * A pod that stands still while it is written down. That lies in its machine's directory for as long, with who has made it so: when that daemon has died
 * in the middle, the next one lets the pod go on. Thread-safe.
 */
public final class Standstill {
    private static final String FILE = "checkpoint";
    /** One at a time looks whether a pod is forsaken and lets it go on: else a slower one could disturb a checkpoint that has begun since. */
    private static final Map<Path, Object> LOCKS = new ConcurrentHashMap<>();

    /** What is told that the pod may go on. */
    interface Machine {
        void go() throws ContainerFault;

        void pause(int drive) throws ContainerFault;

        void resume(String container) throws ContainerFault;
    }

    /**
     * A container that stands still.
     *
     * @param container by which the guest knows it
     * @param drive where its disk is
     * @param wasPaused whether it was frozen before, and is to stay so
     */
    public record Held(String container, int drive, boolean wasPaused) {
        private String text() {
            return drive + " " + wasPaused + " " + container + "\n";
        }

        private static Held parse(String line) {
            String[] words = line.split(" ", 3);
            return new Held(words[2], Integer.parseInt(words[0]), Boolean.parseBoolean(words[1]));
        }
    }

    private final Path file;
    private final Machine machine;

    Standstill(Path directory, Machine machine) {
        this.file = directory.resolve(FILE);
        this.machine = machine;
    }

    /** Said before anything is made to stand still. */
    public void begin(List<Held> held) throws ContainerFault {
        begin(held, MachineProcess.of(Processes.pid()));
    }

    void begin(List<Held> held, MachineProcess by) throws ContainerFault {
        Path fresh = file.resolveSibling(FILE + ".new");
        StringBuilder text = new StringBuilder(by.text() + "\n");
        held.forEach(each -> text.append(each.text()));
        try {
            // A torn one would be nobody's.
            Files.writeString(fresh, text);
            Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            throw new ContainerFault(Kind.FAILED, "write " + file + ": " + Errno.describe(e), e);
        }
    }

    /** The pod goes on. It does nothing for one that goes on already. */
    public void end() throws ContainerFault {
        String[] lines = lines();
        if (lines == null) {
            return;
        }
        machine.go();
        List<Held> all = Arrays.stream(lines, 1, lines.length).map(Held::parse).toList();
        // While some go on, the agent answers.
        for (Held each : all) {
            if (!each.wasPaused()) {
                resume(each.container());
            }
        }
        for (Held each : all) {
            if (each.wasPaused()) {
                machine.pause(each.drive());
            }
        }
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            throw new ContainerFault(Kind.FAILED, "remove " + file + ": " + Errno.describe(e), e);
        }
    }

    /** It may not have been frozen yet, or not be any more; or have ended. */
    private void resume(String container) throws ContainerFault {
        try {
            machine.resume(container);
        } catch (ContainerFault e) {
            if (e.kind() != Kind.WRONG_STATE && e.kind() != Kind.NOT_FOUND) {
                throw e;
            }
        }
    }

    /**
     * Lets a pod go on whose checkpoint nobody goes on with.
     *
     * @return whether it was one
     */
    public boolean endIfForsaken() throws ContainerFault {
        synchronized (LOCKS.computeIfAbsent(file, each -> new Object())) {
            try {
                String[] lines = lines();
                if (lines == null || MachineProcess.parse(lines[0]).isRunning()) {
                    return false;
                }
            } catch (ErrnoException e) {
                throw new ContainerFault(Kind.FAILED, "look at who has written " + file + ": " + e.getMessage(), e);
            }
            end();
            return true;
        }
    }

    /** Who has written it, and what stands still. */
    private String @Nullable [] lines() throws ContainerFault {
        try {
            String text = HostFiles.textIfPresent(file.toString());
            String[] lines = text == null ? null : text.strip().split("\n", -1);
            return lines == null || lines.length < 2 ? null : lines;
        } catch (ErrnoException e) {
            throw new ContainerFault(Kind.FAILED, "read " + file + ": " + e.getMessage(), e);
        }
    }
}
