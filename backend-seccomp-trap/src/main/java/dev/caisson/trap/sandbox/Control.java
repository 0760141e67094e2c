package dev.caisson.trap.sandbox;

/**
 * What the daemon tells a sandbox process, one line each on its gate: {@code serve init|exec PID FD}. It answers for an init with a note of
 * {@link #NOTE_SERVING}, whose value is 0 or a negative errno.
 *
 * @param isInit whether it is the container's first process
 * @param pid host pid of a process that has loaded the filter
 * @param listener number of the notification descriptor in it
 */
public record Control(boolean isInit, int pid, int listener) {
    /** The note's code; those below 64 belong to launch plans. */
    public static final int NOTE_SERVING = 64;

    /** The line, with its end. */
    public String line() {
        return "serve " + (isInit ? "init " : "exec ") + pid + " " + listener + "\n";
    }

    /** @throws IllegalArgumentException it is no such line */
    static Control parse(String line) {
        String[] words = line.split(" ", -1);
        if (words.length != 4 || !words[0].equals("serve") || !(words[1].equals("init") || words[1].equals("exec"))) {
            throw new IllegalArgumentException("not a command: " + line);
        }
        return new Control(words[1].equals("init"), Integer.parseInt(words[2]), Integer.parseInt(words[3]));
    }
}
