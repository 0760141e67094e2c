package dev.caisson.backend;

import dev.caisson.linux.plan.LaunchPlan;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The hands of a pod: plays launch plans and holds streams in the pod's monitor. Ids are chosen by the caller from
 * {@link #nextId()} and survive the daemon. Equal for the same pod. Thread-safe.
 */
public interface Launcher {
    /** How the tags of a wall's own processes begin, which are neither a container's nor a stream's. Whoever recovers a pod leaves them to the wall. */
    String WALL_TAG = "wall ";

    /** How a plan is played. */
    enum Flag {
        /** The plan finds the read ends of an io's logger pipes as its streams. */
        LOGGER_ENDS,
        /** The player of the plan itself becomes the process, as hooks and loggers do. */
        SELF
    }

    /** What the container's processes get from this launcher; constant. */
    default Handover handover() {
        return Handover.NONE;
    }

    /**
     * How this process reaches a file that launched processes see as {@code path}: a command's caller may be in a mount namespace of its
     * own, as Buildah is.
     */
    default Path here(Path path) {
        return path;
    }

    /** An id that no launch or io of this pod has. */
    int nextId();

    /**
     * Plays a plan.
     *
     * @param tag says to a later daemon what this is, at most 255 bytes
     * @param io the streams to hand over, 0 for none
     * @throws ContainerFault also for streams that could not be opened, with the path and the errno
     */
    Launch spawn(int launch, String tag, LaunchPlan plan, int io, Set<Flag> flags) throws ContainerFault;

    /** A launch whose plan is still being made. One of the two must be called. */
    interface Ahead {
        /** As {@link Launcher#spawn}. The plan finds the namespaces made. */
        Launch play(LaunchPlan plan) throws ContainerFault;

        /** There will be no plan: its player ends. */
        void giveUp();
    }

    /**
     * Begins with {@link #spawn} before there is a plan: its player makes namespaces in the meantime, which takes as long as to make a plan.
     *
     * @param namespaces flags for unshare(2)
     * @return null where that cannot be done
     */
    default @Nullable Ahead spawnAhead(int launch, String tag, int io, int namespaces) throws ContainerFault {
        return null;
    }

    /** The launch of that id if the monitor still knows it. */
    @Nullable
    Launch find(int launch);

    /** The wall's own launches that are known in this pod, by their tags. */
    default Map<String, Launch> walls() {
        return Map.of();
    }

    /**
     * Begins to open streams, as the caller has more to do before it needs them. What goes wrong is said by the {@link #spawn} that is to
     * hand them over.
     */
    void openIo(int io, Stdio stdio) throws ContainerFault;

    /** Where the streams of an io lead that no launch has taken yet; null where that is not known. */
    default @Nullable Stdio streams(int io) {
        return null;
    }

    /** Closes what is still held for an io. */
    void closeIo(int io);

    /** The client has no more input: the process sees the end of file behind what is buffered. */
    void closeStdin(int io);

    /** Sets a terminal's size, now or as soon as there is one. */
    void resize(int io, int rows, int columns);
}
