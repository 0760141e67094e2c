package dev.caisson.backend;

import dev.caisson.linux.cgroup.CgroupStats;
import dev.caisson.oci.ProcessSpec;
import dev.caisson.oci.Resources;
import java.util.List;
import java.util.Map;

/**
 * One container behind a wall. Thread-safe for the combinations that a task service allows: lifecycle calls are serialized by
 * the caller, {@link #pids}, {@link #stats} and {@link #oomKills} may come at any time.
 */
public interface Container {
    /** What {@link Backend#recover} needs; constant from {@code prepare} on, so that it can be stored before anything is done. */
    Map<String, String> record();

    /**
     * Builds the environment up to, but not including, the user's program.
     *
     * @return the launch of its init, which waits to be started
     */
    Launch create() throws ContainerFault;

    /** Lets init run the user's program; returns when that has happened. Idempotent. */
    void start(Launch init) throws ContainerFault;

    /**
     * Runs one more process inside.
     *
     * @param io the opened streams, 0 for none
     * @return its launch, once the program runs
     */
    Launch exec(Launch init, int launch, String tag, ProcessSpec process, int io) throws ContainerFault;

    /** Sends a signal to every process of the container. */
    void signalAll(int signal) throws ContainerFault;

    /** Host pids of all its processes. */
    List<Integer> pids() throws ContainerFault;

    void pause() throws ContainerFault;

    void resume() throws ContainerFault;

    /** Changes the limits that {@code resources} sets. */
    void update(Resources resources) throws ContainerFault;

    CgroupStats stats() throws ContainerFault;

    /** How often the kernel's out-of-memory killer took one of its processes. */
    long oomKills();

    /** Calls back whenever {@link #oomKills} has grown, until {@link #destroy}. */
    void watchOom(Runnable onOom);

    /** Ends what still runs and removes all that {@link #create} made. Idempotent; also undoes half a create. */
    void destroy() throws ContainerFault;
}
