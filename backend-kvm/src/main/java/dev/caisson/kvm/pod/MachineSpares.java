package dev.caisson.kvm.pod;

import dev.caisson.backend.ContainerFault;
import dev.caisson.kvm.memory.Footprint;
import dev.caisson.kvm.template.TemplateStore;
import dev.caisson.linux.ErrnoException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A copy of a template that stands still and waits for its pod, so that no pod but the first waits for a process to start and a guest to go on. There is none
 * before the first pod from a template was made, and one at most: of the template that was taken last. It is made when no pod has been for a while, for it takes
 * what a pod takes. Thread-safe.
 */
public final class MachineSpares {
    private static final long LEAST_QUIET_NANOS = TimeUnit.MILLISECONDS.toNanos(500);

    /** The agent's young generation has been gone through then, each page of which costs an exit when it is touched first, and two when it is read before. */
    private static final int REHEARSALS = 3;

    private static final int TRIES = 3;

    /**
     * What a spare is of.
     *
     * @param template the file with the machine
     * @param identity by which a file that has taken its place is told from it
     */
    private record Origin(Path template, Object identity) {
        static Origin of(Path template) throws IOException {
            return new Origin(
                    template, Files.getAttribute(template, "unix:ino") + " " + Files.getLastModifiedTime(template));
        }
    }

    private final boolean isWanted = Boolean.parseBoolean(System.getProperty("caisson.kvm.spares", "true"));

    private record Spare(PodMachine machine, Origin origin) {}

    private @Nullable Spare spare;
    /** Null when nobody expects one, also while one was about to be made. */
    private PodMachine.@Nullable Beginning wanted;

    private boolean isMaking;
    private boolean isHooked;
    /** How often all were ended. */
    private int ends;

    private long lastUse;
    /** How long nobody must have asked for anything before a spare is made. */
    private long quiet = LEAST_QUIET_NANOS;

    /** The spare, if it is of that template and lives; it is the caller's then. */
    public @Nullable PodMachine take(Path template) {
        Spare taken;
        synchronized (this) {
            lastUse = System.nanoTime();
            taken = spare;
            spare = null;
        }
        if (taken == null) {
            return null;
        }
        try {
            if (taken.machine().isAlive() && Origin.of(template).equals(taken.origin())) {
                return taken.machine();
            }
        } catch (IOException e) {
            log().log(System.Logger.Level.DEBUG, "look at template " + template, e);
        }
        end(taken);
        return null;
    }

    /** Somebody waits for something of a pod's: it is no time for a spare. */
    public synchronized void defer() {
        lastUse = System.nanoTime();
    }

    /**
     * A pod was made of that template: another one may follow.
     *
     * @param took how long its container's creation took without the machine, in nanoseconds: what follows takes about as long, and should not have to share the processors
     */
    public synchronized void expect(PodMachine.Beginning like, long took) {
        wanted = like;
        lastUse = System.nanoTime();
        quiet = Math.max(took, LEAST_QUIET_NANOS);
        if (isWanted && !isMaking && spare == null) {
            isMaking = true;
            Thread.ofVirtual().name("spare-machine").start(this::make);
        }
    }

    /** Once more when it fails: a host that is short of something now may not be so after a while, and nobody else would begin before the next pod's end. */
    private void make() {
        try {
            for (int tries = 1; !make(tries) && tries < TRIES; tries++) {
                defer();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            made();
        }
    }

    /** Whether nothing is left to do. */
    private boolean make(int tries) throws InterruptedException {
        long left;
        while ((left = toWait()) > 0) {
            TimeUnit.NANOSECONDS.sleep(left);
        }
        int begun = ends();
        PodMachine.Beginning like = like();
        Path template = like == null ? null : like.template();
        if (like == null || template == null) {
            return true;
        }
        long since = System.nanoTime();
        try {
            Origin origin = Origin.of(template);
            keep(new Spare(fresh(like), origin), begun);
            log().log(
                            System.Logger.Level.INFO,
                            "a spare virtual machine in " + TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - since)
                                    + " ms");
            return true;
        } catch (ContainerFault | IOException | RuntimeException e) {
            // Whoever needs one next makes it.
            log().log(
                            System.Logger.Level.INFO,
                            "no spare virtual machine, try " + tries + " of " + TRIES + ", after "
                                    + TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - since) + " ms: "
                                    + (e instanceof RuntimeException ? e : e.getMessage()));
            return ends() != begun;
        }
    }

    /** One that stands still, and has done what a pod's first container has a guest do. */
    private static PodMachine fresh(PodMachine.Beginning like) throws ContainerFault, IOException {
        PodMachine fresh = PodMachine.make(like);
        try {
            // What a life writes to is copied now, while nobody waits, and all that it looks at mapped.
            Path file = like.template() == null ? null : TemplateStore.footprint(like.template());
            Footprint footprint = file == null ? null : read(file, like.size().pages());
            if (file == null || footprint == null) {
                fresh.begin();
                fresh.rehearse(REHEARSALS);
            } else {
                fresh.requests().own(file);
                fresh.begin();
                fresh.agent().touch(footprint);
            }
            fresh.awaitRest();
            fresh.requests().hold();
            fresh.markReady();
            return fresh;
        } catch (ContainerFault | IOException | RuntimeException e) {
            fresh.discard();
            throw e;
        }
    }

    /** A damaged one is no worse than none. */
    private static @Nullable Footprint read(Path file, int pages) throws IOException {
        try {
            return Footprint.parse(Files.readString(file), pages);
        } catch (IllegalArgumentException e) {
            log().log(System.Logger.Level.WARNING, file + ": " + e.getMessage());
            return null;
        }
    }

    private synchronized PodMachine.@Nullable Beginning like() {
        return wanted;
    }

    /** @param begun how often all had been ended when it was begun */
    private void keep(Spare made, int begun) {
        synchronized (this) {
            if (!isHooked) {
                isHooked = true;
                Runtime.getRuntime()
                        .addShutdownHook(
                                Thread.ofPlatform().name("end-spare-machine").unstarted(this::end));
            }
            if (ends == begun) {
                spare = made;
                return;
            }
        }
        end(made);
    }

    private synchronized int ends() {
        return ends;
    }

    private synchronized void made() {
        isMaking = false;
    }

    private synchronized long toWait() {
        return quiet - (System.nanoTime() - lastUse);
    }

    /** Ends what there is; none is begun any more before the next pod. */
    public void end() {
        Spare ended;
        synchronized (this) {
            ended = spare;
            spare = null;
            wanted = null;
            ends++;
        }
        if (ended != null) {
            end(ended);
        }
    }

    private static void end(Spare ended) {
        try {
            ended.machine().discard();
        } catch (ContainerFault e) {
            log().log(System.Logger.Level.DEBUG, e.getMessage());
        }
    }

    /** Takes away what is left of spares whose daemon could not end them. */
    public static void removeAbandoned() {
        try {
            PodMachine.removeAbandoned();
        } catch (ErrnoException | ContainerFault e) {
            log().log(System.Logger.Level.DEBUG, e.getMessage());
        }
    }

    /** Not a constant: every daemon has this class from its start, and to load the logging takes ten milliseconds of that. */
    private static System.Logger log() {
        return System.getLogger(MachineSpares.class.getName());
    }
}
