package dev.caisson.oci;

import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The rules for {@code process}. */
final class ProcessRules {
    private ProcessRules() {}

    static void check(Findings f, String path, ProcessSpec p) {
        String dot = path.isEmpty() ? "" : path + ".";
        if (p.args().isEmpty()) {
            f.error(dot + "args", "must have at least one element");
        } else if (p.args().getFirst().isEmpty()) {
            f.error(dot + "args[0]", "must not be empty");
        }
        if (p.cwd().isEmpty()) {
            f.error(dot + "cwd", "missing");
        } else if (!p.cwd().startsWith("/")) {
            f.error(dot + "cwd", Text.quote(p.cwd()) + " is not an absolute path");
        }
        environment(f, dot + "env", p.env());
        if (p.consoleSize() != null
                && (p.consoleSize().height() > 0xffff || p.consoleSize().width() > 0xffff)) {
            f.error(dot + "consoleSize", "exceeds 65535");
        }
        user(f, dot + "user", p.user());
        capabilities(f, dot + "capabilities", p);
        rlimits(f, dot + "rlimits", p.rlimits());
        Integer adj = p.oomScoreAdj();
        if (adj != null && (adj < -1000 || adj > 1000)) {
            f.error(dot + "oomScoreAdj", adj + " is not between -1000 and 1000");
        }
        if (p.scheduler() != null) {
            scheduler(f, dot + "scheduler", p.scheduler());
        }
        if (p.ioPriority() != null
                && (p.ioPriority().priority() < 0 || p.ioPriority().priority() > 7)) {
            f.error(dot + "ioPriority.priority", p.ioPriority().priority() + " is not between 0 and 7");
        }
        ProcessSpec.ExecCpuAffinity affinity = p.execCpuAffinity();
        if (affinity != null) {
            cpuList(f, dot + "execCPUAffinity.initial", affinity.initialCpus());
            cpuList(f, dot + "execCPUAffinity.final", affinity.finalCpus());
        }
    }

    static void environment(Findings f, String path, List<String> env) {
        for (int i = 0; i < env.size(); i++) {
            int equals = env.get(i).indexOf('=');
            if (equals <= 0) {
                f.error(
                        Findings.at(path, i),
                        Text.quote(env.get(i)) + (equals < 0 ? " has no =" : " has an empty name"));
            }
        }
    }

    private static void user(Findings f, String path, ProcessSpec.User user) {
        // (uid_t) -1 means "leave unchanged" to the kernel.
        if (user.uid() == 0xffff_ffffL) {
            f.error(path + ".uid", "4294967295 is not an id");
        }
        if (user.gid() == 0xffff_ffffL) {
            f.error(path + ".gid", "4294967295 is not an id");
        }
        // NGROUPS_MAX
        if (user.additionalGids().size() > 65536) {
            f.error(path + ".additionalGids", "more than 65536 groups");
        }
        for (int i = 0; i < user.additionalGids().size(); i++) {
            if (user.additionalGids().get(i) == 0xffff_ffffL) {
                f.error(Findings.at(path + ".additionalGids", i), "4294967295 is not an id");
            }
        }
    }

    private static void capabilities(Findings f, String path, ProcessSpec p) {
        ProcessSpec.Capabilities c = p.capabilities();
        if (c == null) {
            return;
        }
        unknownCapabilities(f, path + ".bounding", c.bounding());
        unknownCapabilities(f, path + ".effective", c.effective());
        unknownCapabilities(f, path + ".inheritable", c.inheritable());
        unknownCapabilities(f, path + ".permitted", c.permitted());
        unknownCapabilities(f, path + ".ambient", c.ambient());
        Set<String> permitted = new HashSet<>(c.permitted());
        Set<String> inheritable = new HashSet<>(c.inheritable());
        for (int i = 0; i < c.effective().size(); i++) {
            String name = c.effective().get(i);
            if (CapabilityNames.isKnown(name) && !permitted.contains(name)) {
                f.error(Findings.at(path + ".effective", i), name + " is not permitted");
            }
        }
        for (int i = 0; i < c.ambient().size(); i++) {
            String name = c.ambient().get(i);
            if (CapabilityNames.isKnown(name) && (!permitted.contains(name) || !inheritable.contains(name))) {
                f.warn(Findings.at(path + ".ambient", i), name + " is not both permitted and inheritable, ignored");
            }
        }
    }

    private static void unknownCapabilities(Findings f, String path, List<String> names) {
        for (int i = 0; i < names.size(); i++) {
            if (!CapabilityNames.isKnown(names.get(i))) {
                f.warn(Findings.at(path, i), "unknown capability " + Text.quote(names.get(i)) + ", ignored");
            }
        }
    }

    private static void rlimits(Findings f, String path, List<ProcessSpec.Rlimit> limits) {
        Set<RlimitType> seen = EnumSet.noneOf(RlimitType.class);
        for (int i = 0; i < limits.size(); i++) {
            ProcessSpec.Rlimit limit = limits.get(i);
            if (!seen.add(limit.type())) {
                f.error(
                        Findings.at(path, i) + ".type",
                        "duplicate " + limit.type().wire());
            }
            if (Long.compareUnsigned(limit.soft(), limit.hard()) > 0) {
                f.error(Findings.at(path, i) + ".soft", "greater than the hard limit");
            }
        }
    }

    private static void scheduler(Findings f, String path, ProcessSpec.Scheduler s) {
        if (s.nice() < -20 || s.nice() > 19) {
            f.error(path + ".nice", s.nice() + " is not between -20 and 19");
        }
        boolean realtime = s.policy() == SchedulerPolicy.FIFO || s.policy() == SchedulerPolicy.RR;
        if (realtime && (s.priority() < 1 || s.priority() > 99)) {
            f.error(path + ".priority", s.priority() + " is not between 1 and 99");
        }
        if (!realtime && s.priority() != 0) {
            f.error(path + ".priority", "only SCHED_FIFO and SCHED_RR take a priority");
        }
        if (s.policy() == SchedulerPolicy.DEADLINE) {
            deadline(f, path, s);
        } else if (s.runtime() != 0 || s.deadline() != 0 || s.period() != 0) {
            f.error(path, "only SCHED_DEADLINE takes runtime, deadline and period");
        }
    }

    /** kernel/sched/deadline.c {@code __checkparam_dl}. */
    private static void deadline(Findings f, String path, ProcessSpec.Scheduler s) {
        long period = s.period() == 0 ? s.deadline() : s.period();
        if (s.deadline() == 0) {
            f.error(path + ".deadline", "SCHED_DEADLINE needs a deadline");
        } else if (Long.compareUnsigned(s.runtime(), 1024) < 0) {
            f.error(path + ".runtime", "SCHED_DEADLINE needs a runtime of at least 1024 ns");
        } else if (s.runtime() < 0 || s.deadline() < 0 || period < 0) {
            f.error(path, "runtime, deadline and period must be less than 2^63");
        } else if (s.runtime() > s.deadline() || s.deadline() > period) {
            f.error(path, "must have runtime <= deadline <= period");
        }
    }

    private static void cpuList(Findings f, String path, @Nullable String list) {
        if (list != null && !SpecValidator.isCpuList(list)) {
            f.error(path, Text.quote(list) + " is not a cpu list");
        }
    }
}
