package dev.caisson.shim.task;

import dev.caisson.linux.plan.Arg;
import dev.caisson.linux.plan.LaunchPlan;
import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.linux.plan.Sys;
import dev.caisson.shim.translate.StdioUris;
import java.util.ArrayList;
import java.util.List;

/**
 * Starts a logger program of a {@code binary://} URI: descriptor 3 reads stdout, 4 reads stderr, and closing 5 says that it is
 * ready. Descriptor 5 is the plan's own note pipe: its end of file is what the monitor waits for anyway.
 */
final class LoggerPlan {
    /** How the tags of loggers' launches begin; a container's own begin otherwise. */
    static final String TAG = "logger ";

    private LoggerPlan() {}

    static LaunchPlan of(StdioUris.Logger logger, String containerId, String namespace) {
        PlanBuilder p = new PlanBuilder();
        List<String> argv = new ArrayList<>();
        argv.add(logger.path());
        argv.addAll(logger.args());
        Arg.Data args = p.stringArray(argv);
        Arg.Data env = p.stringArray(List.of("CONTAINER_ID=" + containerId, "CONTAINER_NAMESPACE=" + namespace));
        Arg.Data path = p.string(logger.path());
        p.call("start session", Sys.SETSID);
        p.call("check logger " + logger.path(), Sys.FACCESSAT2, Arg.of(-100), path, Arg.of(1), Arg.of(0));
        p.call("set up logger's descriptors", Sys.DUP2, Arg.of(PlanBuilder.NOTE_FD), Arg.of(5));
        p.call("set up logger's descriptors", Sys.DUP2, Arg.of(PlanBuilder.STDOUT_FD), Arg.of(3));
        p.call("set up logger's descriptors", Sys.DUP2, Arg.of(PlanBuilder.STDERR_FD), Arg.of(4));
        Arg.Slot result = p.slot();
        p.attemptInto(result, Sys.EXECVE, path, args, env);
        p.fail("exec logger " + logger.path(), result);
        return p.build();
    }
}
