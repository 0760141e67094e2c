package dev.caisson.namespace.plan;

/** What plans say to the daemon besides failures. 1 to 3 are understood by the monitor too ({@code monitor/src/wire.h}). */
public final class Notes {
    /** The pid of the process that was made. */
    public static final int PID = 1;
    /** Number of the descriptor, in the process, of its terminal's master. */
    public static final int CONSOLE = 2;
    /**
     * As {@link #CONSOLE}, but in the process that plays the plan, which waits at its gate until it is taken. Above the number's 32 bits is that
     * process's pid.
     */
    public static final int PLAYERS_CONSOLE = 3;
    /** The container's mounts are made: time for prestart and createRuntime hooks; the plan waits at its gate. */
    public static final int MOUNTED = 16;
    /** All is made and checked; the plan waits at its gate for start. The value is a descriptor of /etc/passwd, or negative. */
    public static final int READY = 17;
    /**
     * Number of the descriptor, in the process, of its seccomp notification listener, which may be about to be made; the plan waits at its
     * gate.
     */
    public static final int LISTENER = 18;

    /** Init waits at its gate for the daemon to put it into its cgroups. */
    public static final int BORN = 19;

    /**
     * Number of the descriptor, in the process, of the program that could not be executed; the plan waits at its gate, but not for long.
     */
    public static final int UNEXECUTABLE = 20;

    /** Number of the daemon's end, in the process, of the socket on which CRIU is asked; the plan waits at its gate until it is taken. */
    public static final int SERVICE = 21;

    /** With {@link #READY}: nobody needs to look up the user's home. No errno. */
    public static final int HOME_KNOWN = -4096;

    private Notes() {}
}
