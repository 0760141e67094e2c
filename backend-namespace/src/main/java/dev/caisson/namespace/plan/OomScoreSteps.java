package dev.caisson.namespace.plan;

import static dev.caisson.namespace.plan.Kernel.*;
import static dev.caisson.namespace.plan.Steps.c;

import dev.caisson.linux.plan.Arg;
import dev.caisson.oci.ProcessSpec;
import org.jspecify.annotations.Nullable;

/** How likely the kernel is to choose the process when it lacks memory. */
final class OomScoreSteps {
    private final Steps s;
    private final @Nullable ProcessSpec process;
    private final HostFacts.@Nullable User user;

    /** @param user whose containers these are, if not root's */
    OomScoreSteps(Steps s, @Nullable ProcessSpec process, HostFacts.@Nullable User user) {
        this.s = s;
        this.process = process;
        this.user = user;
    }

    /** That of the process that plays this, which its children inherit. */
    void own() {
        set(c(AT_FDCWD), "/proc/self/oom_score_adj");
    }

    /** @param proc a process's directory in /proc */
    void of(Arg.Slot proc) {
        set(proc, "oom_score_adj");
    }

    private void set(Arg dir, String file) {
        if (process == null || process.oomScoreAdj() == null) {
            return;
        }
        String value = Integer.toString(process.oomScoreAdj());
        if (user == null) {
            s.writeFile("set oom_score_adj to " + value, dir, s.p.string(file), value);
        } else {
            s.tryWriteFile(dir, s.p.string(file), value); // a user may not lower it
        }
    }
}
