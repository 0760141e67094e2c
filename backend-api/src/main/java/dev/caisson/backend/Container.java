package dev.caisson.backend;

import dev.caisson.linux.Fd;
import dev.caisson.linux.Processes;
import dev.caisson.linux.cgroup.CgroupStats;
import dev.caisson.oci.Linux;
import dev.caisson.oci.Mount;
import dev.caisson.oci.ProcessSpec;
import dev.caisson.oci.Resources;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One container behind a wall. Thread-safe for the combinations that a task service allows: lifecycle calls are serialized by
 * the caller, {@link #pids}, {@link #stats} and {@link #oomKills} may come at any time.
 */
public interface Container {
    /** What {@link Backend#recover} needs; stored before anything is done, after {@link #create}, and after a change of devices. */
    Map<String, String> record();

    /**
     * Begins with what takes time and asks for nothing of the caller's, who is going to {@link #create} or {@link #run} as soon as its records
     * are written. {@link #destroy} takes it back.
     */
    default void begin() throws ContainerFault {}

    /**
     * Builds the environment up to, but not including, the user's program.
     *
     * @return the launch of its init, which waits to be started
     */
    Launch create() throws ContainerFault;

    /**
     * Prepares {@link #start} by what the creator need not wait for. Called at most once, between create and start; start does without.
     */
    default void settle(Launch init) throws ContainerFault {}

    /** Lets init run the user's program; returns when that has happened. Idempotent. */
    void start(Launch init) throws ContainerFault;

    /** Hears of an init that is there and has not run the user's program. */
    interface Born {
        /** Its pid and the container's {@link #record()} are known; the program waits for this to return. */
        void accept(Launch init) throws ContainerFault;
    }

    /**
     * {@link #create} and {@link #start} in one, for who wants nothing in between but to know the pid. When it throws, or {@code born} does, the
     * process has ended or will; what was made is the caller's to {@link #destroy}.
     *
     * @param born called once
     */
    default Launch run(Born born) throws ContainerFault {
        Launch init = create();
        try {
            born.accept(init);
            start(init);
        } catch (ContainerFault e) {
            init.kill(Processes.SIGKILL);
            throw e;
        }
        return init;
    }

    /**
     * Whether nothing is left to be done, and nothing can fail any more, once the launch of init, or of an {@link #exec}, says that its program
     * runs, and whether its exit is the process's own. Then it need not be the daemon that tells so.
     */
    default boolean runsWhenLaunched() {
        return false;
    }

    /**
     * Runs one more process inside.
     *
     * @param io the opened streams, 0 for none
     * @param subgroups groups below the container's that the process joins instead, by controller; with the name {@link #ALL_CONTROLLERS}
     *     for every controller that is not named. They must be there.
     * @return its launch, once the program runs
     */
    Launch exec(Launch init, int launch, String tag, ProcessSpec process, int io, Map<String, String> subgroups)
            throws ContainerFault;

    /** {@link #exec(Launch, int, String, ProcessSpec, int, Map)} in the container's own groups. */
    default Launch exec(Launch init, int launch, String tag, ProcessSpec process, int io) throws ContainerFault {
        return exec(init, launch, tag, process, io, Map.of());
    }

    /**
     * Makes the process of an {@link #exec} that will be wanted in a moment, up to where it would run its program: there it waits for {@link
     * #startAhead}. Returns at once; what fails meanwhile is told there.
     *
     * @return its launch; null when this process can only be made when it is wanted
     */
    default @Nullable Launch execAhead(Launch init, int launch, String tag, ProcessSpec process, int io)
            throws ContainerFault {
        return null;
    }

    /**
     * Lets an {@link #execAhead} run its program, whichever daemon made it; returns, or throws, as {@link #exec} would.
     *
     * @param exec what that returned; its gate is unused
     * @param process as it was given it
     */
    default void startAhead(Launch init, Launch exec, ProcessSpec process) throws ContainerFault {
        throw new ContainerFault(ContainerFault.Kind.FAILED, "start process: this backend makes none ahead");
    }

    /**
     * Goes on with an {@link #exec} that another daemon began and may not have ended: it was lost in between. Returns, or throws, as that
     * would have.
     *
     * @param exec the launch that it made
     * @param process as {@code exec} was given it
     */
    default void resumeExec(Launch init, Launch exec, ProcessSpec process) throws ContainerFault {
        exec.awaitLaunched(Duration.ofSeconds(30));
    }

    /** See {@link #exec(Launch, int, String, ProcessSpec, int, Map)}. */
    String ALL_CONTROLLERS = "";

    /** Sends a signal to every process of the container. */
    void signalAll(int signal) throws ContainerFault;

    /** Host pids of all its processes. */
    List<Integer> pids() throws ContainerFault;

    void pause() throws ContainerFault;

    void resume() throws ContainerFault;

    /** Changes the limits that {@code resources} sets. */
    void update(Resources resources) throws ContainerFault;

    /**
     * Makes the running container's class of service what is wanted; one that had none gets its own, with all of its processes. The caller
     * stores it as the container's, and destroys the container with that.
     *
     * @param wanted the class and monitoring that it has from now on, and the schemas that change
     */
    default void updateIntelRdt(Linux.IntelRdt wanted) throws ContainerFault {
        throw unsupported("Intel RDT");
    }

    /**
     * Adds a mount to the running container: a bind, whose source is a path of the host's, or a tmpfs. Its mount point is made if it is
     * missing. It is gone with the container.
     *
     * @throws ContainerFault INVALID for what a configuration may not say, UNSUPPORTED for other file systems or behind another wall
     */
    default void addMount(Launch init, Mount mount) throws ContainerFault {
        throw unsupported("mounts");
    }

    /**
     * Takes away what is mounted at a path of the running container, whoever mounted it; open files of it stay usable.
     *
     * @param destination absolute, without symlinks
     * @throws ContainerFault INVALID for a path whose mount hides something, FAILED where nothing is mounted
     */
    default void removeMount(Launch init, String destination) throws ContainerFault {
        throw unsupported("mounts");
    }

    /**
     * Allows a device and makes its node in the running container. Changes {@link #record()}, which the caller stores afterwards. If it
     * fails the rules are as before.
     *
     * @param device its path is the container's; in a user namespace the host must have the same device there
     * @param access letters among {@code r}, {@code w}, {@code m}
     */
    default void addDevice(Launch init, Linux.Device device, String access) throws ContainerFault {
        throw unsupported("devices");
    }

    /**
     * Forbids a device and takes its node away; descriptors that are open stay usable. Changes {@link #record()}. Without a node, as
     * when it is called again, only the rule is set.
     */
    default void removeDevice(Launch init, Linux.Device device) throws ContainerFault {
        throw unsupported("devices");
    }

    /**
     * Saves its processes to files. They have ended afterwards, unless they are asked to go on; whoever destroys the container does that
     * nevertheless.
     */
    default void checkpoint(Launch init, Checkpoint asked) throws ContainerFault {
        throw new ContainerFault(ContainerFault.Kind.UNSUPPORTED, "checkpoint container: this backend cannot");
    }

    /**
     * As {@link #create}, from an image that {@link #checkpoint} made.
     *
     * @return the launch of its init, which runs already
     */
    default Launch restore(Checkpoint asked) throws ContainerFault {
        throw new ContainerFault(ContainerFault.Kind.UNSUPPORTED, "restore container: this backend cannot");
    }

    /**
     * Writes a line for each system call that the wall answers to the standard output of a process, from now on until that ends. Calls that the
     * host's kernel does without asking are not seen.
     *
     * @param watcher its host pid
     * @throws ContainerFault INVALID for a call that there is not, UNSUPPORTED behind a wall that answers none
     */
    default void trace(int watcher, CallTrace trace) throws ContainerFault {
        throw new ContainerFault(ContainerFault.Kind.UNSUPPORTED, "trace system calls: this backend does not see them");
    }

    /**
     * Writes what the container asks its wall for to the standard output of a process, each thing once, as lines of a policy, from now on until that
     * ends.
     *
     * @param watcher its host pid
     * @throws ContainerFault UNSUPPORTED behind a wall that is not asked
     */
    default void recordPolicy(int watcher) throws ContainerFault {
        throw new ContainerFault(
                ContainerFault.Kind.UNSUPPORTED, "record policy: this backend does not see system calls");
    }

    /**
     * From now on the container's processes, those that run included, may ask for nothing that a policy does not name.
     *
     * @param policy lines as {@link #recordPolicy} gives them; empty for no policy any more
     * @throws ContainerFault INVALID for a text that is none, UNSUPPORTED behind a wall that is not asked
     */
    default void enforcePolicy(String policy) throws ContainerFault {
        throw new ContainerFault(
                ContainerFault.Kind.UNSUPPORTED, "enforce policy: this backend does not see system calls");
    }

    /**
     * Which calls, and how.
     *
     * @param json an object per line
     * @param pid process or thread as the container counts, 0 for all
     * @param calls names, empty for all
     * @param path what a path among the arguments begins with, empty for all
     */
    record CallTrace(boolean json, int pid, List<String> calls, String path) {
        public CallTrace {
            calls = List.copyOf(calls);
        }
    }

    /**
     * The virtual machine that it runs in.
     *
     * @throws ContainerFault UNSUPPORTED behind a wall without machines
     */
    default VirtualMachine virtualMachine() throws ContainerFault {
        throw new ContainerFault(ContainerFault.Kind.UNSUPPORTED, "look at virtual machine: this backend has none");
    }

    /** A container's virtual machine, to be looked at from outside. */
    interface VirtualMachine {
        /** The last lines that its guest wrote to its console. */
        String console() throws ContainerFault;

        /**
         * Writes its guest's memory and its processors' registers to a file, as an ELF core; the guest stands still meanwhile.
         *
         * @param file empty and open for writing; stays the caller's
         */
        void dump(Fd file) throws ContainerFault;

        /** What it counts, in Prometheus' text format. */
        String metrics() throws ContainerFault;

        /**
         * Runs a process in its guest's own system, beside the containers, with all rights there.
         *
         * @param launcher whose streams it has, and whose child it is
         * @param args what it runs; empty for a shell
         * @return its launch, once it runs
         */
        Launch debug(Launcher launcher, int launch, String tag, int io, List<String> args, boolean terminal)
                throws ContainerFault;
    }

    private static ContainerFault unsupported(String what) {
        return new ContainerFault(
                ContainerFault.Kind.UNSUPPORTED, "change " + what + " of a running container: this backend cannot");
    }

    CgroupStats stats() throws ContainerFault;

    /** How often the kernel's out-of-memory killer took one of its processes. */
    long oomKills();

    /** Calls back whenever {@link #oomKills} has grown, until {@link #destroy}. */
    void watchOom(Runnable onOom);

    /** Ends what still runs and removes all that {@link #create} made. Idempotent; also undoes half a create. */
    void destroy() throws ContainerFault;

    /**
     * What somebody else may remove behind the end of init, who then says {@link #removed}. If there is anything in it that was not
     * expected, such as a process, it is left to {@link #destroy}.
     *
     * @return null when there is more to do than that
     */
    default @Nullable Remains remains() {
        return null;
    }

    /** Instead of {@link #destroy}: the {@link #remains} are gone. */
    default void removed() throws ContainerFault {}
}
