package dev.caisson.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.HostFiles;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;

class IdleThreadsTest {
    /** The kernel cuts names, and HotSpot chooses them: a release that renames a thread is found here. */
    @Test
    void theirTimersHaveSlack() throws ErrnoException {
        assumeTrue(mayNice(), "needs CAP_SYS_NICE");
        IdleThreads.relax();
        List<String> slack = new ArrayList<>();
        for (HostFiles.Entry each : Objects.requireNonNull(HostFiles.listIfPresent("/proc/self/task"))) {
            String name =
                    HostFiles.text("/proc/self/task/" + each.name() + "/comm").strip();
            if (name.equals("C1 CompilerThre") || name.equals("VM Periodic Tas")) {
                slack.add(HostFiles.text("/proc/" + each.name() + "/timerslack_ns")
                        .strip());
            }
        }
        assertFalse(slack.isEmpty());
        for (String each : slack) {
            assertEquals("60000000000", each);
        }
    }

    private static boolean mayNice() throws ErrnoException {
        String effective = HostFiles.text("/proc/self/status")
                .lines()
                .filter(line -> line.startsWith("CapEff:"))
                .findFirst()
                .orElseThrow();
        return (Long.parseUnsignedLong(effective.substring("CapEff:".length()).strip(), 16) >> 23 & 1) != 0;
    }
}
