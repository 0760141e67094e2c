package dev.caisson.oci;

import java.io.IOException;

/** Writes the content of a {@code process} object. */
final class ProcessWriter {
    private ProcessWriter() {}

    static void process(JsonText out, ProcessSpec p) throws IOException {
        SpecWriter.trueOnly(out, "terminal", p.terminal());
        if (p.consoleSize() != null) {
            out.beginObject("consoleSize");
            out.number("height", p.consoleSize().height());
            out.number("width", p.consoleSize().width());
            out.endObject();
        }
        out.beginObject("user");
        out.number("uid", p.user().uid());
        out.number("gid", p.user().gid());
        out.number("umask", p.user().umask());
        if (!p.user().additionalGids().isEmpty()) {
            out.beginArray("additionalGids");
            for (long gid : p.user().additionalGids()) {
                out.element(gid);
            }
            out.endArray();
        }
        out.endObject();
        out.texts("args", p.args());
        out.texts("env", p.env());
        out.text("cwd", p.cwd());
        ProcessSpec.Capabilities caps = p.capabilities();
        if (caps != null) {
            out.beginObject("capabilities");
            out.texts("bounding", caps.bounding());
            out.texts("effective", caps.effective());
            out.texts("inheritable", caps.inheritable());
            out.texts("permitted", caps.permitted());
            out.texts("ambient", caps.ambient());
            out.endObject();
        }
        if (!p.rlimits().isEmpty()) {
            out.beginArray("rlimits");
            for (ProcessSpec.Rlimit limit : p.rlimits()) {
                out.beginObject();
                out.text("type", limit.type().wire());
                out.unsigned("hard", limit.hard());
                out.unsigned("soft", limit.soft());
                out.endObject();
            }
            out.endArray();
        }
        out.flag("noNewPrivileges", p.noNewPrivileges());
        out.text("apparmorProfile", p.apparmorProfile());
        out.number("oomScoreAdj", p.oomScoreAdj());
        ProcessSpec.Scheduler s = p.scheduler();
        if (s != null) {
            out.beginObject("scheduler");
            out.text("policy", s.policy().wire());
            out.number("nice", (long) s.nice());
            out.number("priority", (long) s.priority());
            if (!s.flags().isEmpty()) {
                out.beginArray("flags");
                for (SchedulerFlag flag : s.flags()) {
                    out.element(flag.wire());
                }
                out.endArray();
            }
            out.unsigned("runtime", s.runtime());
            out.unsigned("deadline", s.deadline());
            out.unsigned("period", s.period());
            out.endObject();
        }
        out.text("selinuxLabel", p.selinuxLabel());
        if (p.ioPriority() != null) {
            out.beginObject("ioPriority");
            out.text("class", p.ioPriority().ioClass().wire());
            out.number("priority", (long) p.ioPriority().priority());
            out.endObject();
        }
        if (p.execCpuAffinity() != null) {
            out.beginObject("execCPUAffinity");
            out.text("initial", p.execCpuAffinity().initialCpus());
            out.text("final", p.execCpuAffinity().finalCpus());
            out.endObject();
        }
    }
}
