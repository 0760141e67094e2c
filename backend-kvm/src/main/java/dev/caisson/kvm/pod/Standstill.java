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
     * What stands still.
     *
     * @param container by which the guest knows it
     * @param drive where its disk is
     * @param wasPaused whether it was frozen before, and is to stay so
     */
    public record Held(String container, int drive, boolean wasPaused) {
        private String text(MachineProcess by) {
            return by.text() + " " + drive + " " + wasPaused + " " + container;
        }

        private static Held parse(String[] words) {
            return new Held(words[4], Integer.parseInt(words[2]), Boolean.parseBoolean(words[3]));
        }
    }

    private final Path file;
    private final Machine machine;

    Standstill(Path directory, Machine machine) {
        this.file = directory.resolve(FILE);
        this.machine = machine;
    }

    /** Said before anything is made to stand still. */
    public void begin(Held held) throws ContainerFault {
        begin(held, MachineProcess.of(Processes.pid()));
    }

    void begin(Held held, MachineProcess by) throws ContainerFault {
        Path fresh = file.resolveSibling(FILE + ".new");
        try {
            // A torn one would be nobody's.
            Files.writeString(fresh, held.text(by));
            Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            throw new ContainerFault(Kind.FAILED, "write " + file + ": " + Errno.describe(e), e);
        }
    }

    /** The pod goes on. It does nothing for one that goes on already. */
    public void end() throws ContainerFault {
        String[] words = words();
        if (words == null) {
            return;
        }
        Held held = Held.parse(words);
        machine.go();
        if (held.wasPaused()) {
            machine.pause(held.drive());
        } else {
            resume(held.container());
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
                String[] words = words();
                if (words == null
                        || MachineProcess.parse(words[0] + " " + words[1]).isRunning()) {
                    return false;
                }
            } catch (ErrnoException e) {
                throw new ContainerFault(Kind.FAILED, "look at who has written " + file + ": " + e.getMessage(), e);
            }
            end();
            return true;
        }
    }

    private String @Nullable [] words() throws ContainerFault {
        try {
            String text = HostFiles.textIfPresent(file.toString());
            String[] words = text == null ? null : text.split(" ", 5);
            return words == null || words.length < 5 ? null : words;
        } catch (ErrnoException e) {
            throw new ContainerFault(Kind.FAILED, "read " + file + ": " + e.getMessage(), e);
        }
    }
}
