package dev.caisson.trap.sandbox;

import dev.caisson.trap.dispatch.TraceFilter;
import dev.caisson.trap.filter.Tier;

/**
 * What the daemon tells a sandbox process, one line each: {@code adopt GUARD} gives it a container, of which the guard's pipes tell more;
 * {@code serve init|exec TIER PID FD}, through such a pipe, gives it a process of that container; {@code trace PID FILTER} lets a process see its calls, {@code record PID} their names once each;
 * {@code policy PID FD} gives it a policy, which that process has in a file, and {@code first-policy PID FD} one before its program runs; {@code egress PID FD TABLE} tells where it may
 * send to. It answers for an init with a note of
 * {@link #NOTE_SERVING} in the guard's other pipe, whose value is 0 or a negative errno.
 */
public sealed interface Control {
    /** The note's code; those below 64 belong to launch plans. */
    int NOTE_SERVING = 64;

    /**
     * A container.
     *
     * @param guard host pid of its guard
     */
    record Adopt(int guard) implements Control {
        @Override
        public String line() {
            return "adopt " + guard + "\n";
        }
    }

    /**
     * A process.
     *
     * @param isInit whether it is the container's first process
     * @param tier the container's
     * @param pid host pid of a process that has loaded the filter
     * @param listener number of the notification descriptor in it
     */
    record Serve(boolean isInit, Tier tier, int pid, int listener) implements Control {
        @Override
        public String line() {
            return "serve " + (isInit ? "init " : "exec ") + tier.word() + " " + pid + " " + listener + "\n";
        }
    }

    /**
     * Somebody wants to see the container's calls, on their standard output, until they end.
     *
     * @param watcher host pid
     */
    record Trace(int watcher, TraceFilter filter) implements Control {
        @Override
        public String line() {
            return "trace " + watcher + " " + filter.line() + "\n";
        }
    }

    /**
     * Somebody wants to know what the container asks for, on their standard output, until they end.
     *
     * @param watcher host pid
     */
    record Recording(int watcher) implements Control {
        @Override
        public String line() {
            return "record " + watcher + "\n";
        }
    }

    /**
     * The container gets a policy.
     *
     * @param pid host pid of a process
     * @param fd its descriptor of a file: eight bytes that are set to {@link #POLICY_TAKEN} or {@link #POLICY_REFUSED} at the end, and the text, of
     *     which none at all takes the policy away
     * @param isFirst whether it begins with the container's own program, which does not run yet
     */
    record Policy(int pid, int fd, boolean isFirst) implements Control {
        @Override
        public String line() {
            return (isFirst ? "first-policy " : "policy ") + pid + " " + fd + "\n";
        }
    }

    /**
     * Where the container may send to; before it is served.
     *
     * @param pid host pid of a process
     * @param fd its descriptor of a file as {@link Policy} has one
     * @param table its descriptor of the memory with names' addresses
     */
    record Egress(int pid, int fd, int table) implements Control {
        @Override
        public String line() {
            return "egress " + pid + " " + fd + " " + table + "\n";
        }
    }

    long POLICY_TAKEN = 1;
    long POLICY_REFUSED = 2;

    /** The line, with its end. */
    String line();

    static Control adopt(int guard) {
        return new Adopt(guard);
    }

    static Control serve(boolean isInit, Tier tier, int pid, int listener) {
        return new Serve(isInit, tier, pid, listener);
    }

    /** @throws IllegalArgumentException it is no such line */
    static Control parse(String line) {
        String[] words = line.split(" ", -1);
        if (words.length >= 3 && words[0].equals("trace")) {
            String[] parts = line.split(" ", 3);
            return new Trace(Integer.parseInt(parts[1]), TraceFilter.parse(parts[2]));
        }
        if (words.length == 2 && words[0].equals("adopt")) {
            return new Adopt(Integer.parseInt(words[1]));
        }
        if (words.length == 2 && words[0].equals("record")) {
            return new Recording(Integer.parseInt(words[1]));
        }
        if (words.length == 3 && (words[0].equals("policy") || words[0].equals("first-policy"))) {
            return new Policy(Integer.parseInt(words[1]), Integer.parseInt(words[2]), words[0].equals("first-policy"));
        }
        if (words.length == 4 && words[0].equals("egress")) {
            return new Egress(Integer.parseInt(words[1]), Integer.parseInt(words[2]), Integer.parseInt(words[3]));
        }
        Tier tier = words.length == 5 ? Tier.of(words[2]) : null;
        if (tier == null || !words[0].equals("serve") || !(words[1].equals("init") || words[1].equals("exec"))) {
            throw new IllegalArgumentException("not a command: " + line);
        }
        return new Serve(words[1].equals("init"), tier, Integer.parseInt(words[3]), Integer.parseInt(words[4]));
    }
}
