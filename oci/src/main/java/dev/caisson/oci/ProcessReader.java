package dev.caisson.oci;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Reads a {@code process} object: the section of a configuration, the file behind {@code exec --process}, or the payload of containerd's
 * Exec request. Stateless; any thread.
 */
public final class ProcessReader {
    private ProcessReader() {}

    /**
     * Reads a process from memory.
     *
     * @throws InvalidSpecException it is not a process; the document is called {@code process}
     */
    public static ProcessSpec read(byte[] json) throws InvalidSpecException {
        return read(json, "process");
    }

    /**
     * Reads a process from memory.
     *
     * @param document what errors call it
     * @throws InvalidSpecException it is not a process
     */
    public static ProcessSpec read(byte[] json, String document) throws InvalidSpecException {
        return SpecReader.fromBytes(json, document, ReadLimits.DEFAULT, ProcessReader::process);
    }

    static ProcessSpec process(JsonCursor in) throws IOException {
        ProcessSpec.Builder b = new ProcessSpec.Builder();
        in.beginObject();
        while (in.nextField()) {
            switch (in.field()) {
                case "terminal" -> b.terminal = in.bool();
                case "consoleSize" -> b.consoleSize = consoleSize(in);
                case "user" -> b.user = user(in);
                case "args" -> b.args = in.strings();
                case "env" -> b.env = in.strings();
                case "cwd" -> b.cwd = in.string();
                case "capabilities" -> b.capabilities = capabilities(in);
                case "rlimits" -> b.rlimits = rlimits(in);
                case "noNewPrivileges" -> b.noNewPrivileges = in.bool();
                case "apparmorProfile" -> b.apparmorProfile = in.optionalString();
                case "selinuxLabel" -> b.selinuxLabel = in.optionalString();
                case "oomScoreAdj" -> b.oomScoreAdj = in.int32();
                case "scheduler" -> b.scheduler = scheduler(in);
                case "ioPriority" -> b.ioPriority = ioPriority(in);
                case "execCPUAffinity" -> b.execCpuAffinity = execCpuAffinity(in);
                default -> in.skip();
            }
        }
        return b.build();
    }

    private static ProcessSpec.ConsoleSize consoleSize(JsonCursor in) throws IOException {
        Long height = null;
        Long width = null;
        in.beginObject();
        while (in.nextField()) {
            switch (in.field()) {
                case "height" -> height = in.uint32();
                case "width" -> width = in.uint32();
                default -> in.skip();
            }
        }
        return new ProcessSpec.ConsoleSize(in.require(height, "height"), in.require(width, "width"));
    }

    private static ProcessSpec.User user(JsonCursor in) throws IOException {
        long uid = 0;
        long gid = 0;
        Integer umask = null;
        List<Long> additionalGids = List.of();
        in.beginObject();
        while (in.nextField()) {
            switch (in.field()) {
                case "uid" -> uid = in.uint32();
                case "gid" -> gid = in.uint32();
                case "umask" -> umask = (int) in.integer(0, 0777);
                case "additionalGids" -> {
                    additionalGids = new ArrayList<>();
                    in.beginArray();
                    while (in.nextElement()) {
                        additionalGids.add(in.uint32());
                    }
                }
                default -> in.skip();
            }
        }
        return new ProcessSpec.User(uid, gid, umask, additionalGids);
    }

    private static ProcessSpec.Capabilities capabilities(JsonCursor in) throws IOException {
        List<String> bounding = List.of();
        List<String> effective = List.of();
        List<String> inheritable = List.of();
        List<String> permitted = List.of();
        List<String> ambient = List.of();
        in.beginObject();
        while (in.nextField()) {
            switch (in.field()) {
                case "bounding" -> bounding = in.strings();
                case "effective" -> effective = in.strings();
                case "inheritable" -> inheritable = in.strings();
                case "permitted" -> permitted = in.strings();
                case "ambient" -> ambient = in.strings();
                default -> in.skip();
            }
        }
        return new ProcessSpec.Capabilities(bounding, effective, inheritable, permitted, ambient);
    }

    private static List<ProcessSpec.Rlimit> rlimits(JsonCursor in) throws IOException {
        List<ProcessSpec.Rlimit> list = new ArrayList<>();
        in.beginArray();
        while (in.nextElement()) {
            RlimitType type = null;
            Long soft = null;
            Long hard = null;
            in.beginObject();
            while (in.nextField()) {
                switch (in.field()) {
                    case "type" -> {
                        String name = in.string();
                        type = in.known(RlimitType.of(name), "resource limit", name);
                    }
                    case "soft" -> soft = in.uint64();
                    case "hard" -> hard = in.uint64();
                    default -> in.skip();
                }
            }
            list.add(new ProcessSpec.Rlimit(
                    in.require(type, "type"), in.require(soft, "soft"), in.require(hard, "hard")));
        }
        return list;
    }

    private static ProcessSpec.Scheduler scheduler(JsonCursor in) throws IOException {
        SchedulerPolicy policy = null;
        int nice = 0;
        int priority = 0;
        List<SchedulerFlag> flags = new ArrayList<>();
        long runtime = 0;
        long deadline = 0;
        long period = 0;
        in.beginObject();
        while (in.nextField()) {
            switch (in.field()) {
                case "policy" -> {
                    String name = in.string();
                    policy = in.known(SchedulerPolicy.of(name), "scheduling policy", name);
                }
                case "nice" -> nice = in.int32();
                case "priority" -> priority = in.int32();
                case "flags" -> {
                    in.beginArray();
                    while (in.nextElement()) {
                        String name = in.string();
                        flags.add(in.known(SchedulerFlag.of(name), "scheduler flag", name));
                    }
                }
                case "runtime" -> runtime = in.uint64();
                case "deadline" -> deadline = in.uint64();
                case "period" -> period = in.uint64();
                default -> in.skip();
            }
        }
        return new ProcessSpec.Scheduler(
                in.require(policy, "policy"), nice, priority, flags, runtime, deadline, period);
    }

    private static ProcessSpec.IoPriority ioPriority(JsonCursor in) throws IOException {
        IoPriorityClass ioClass = null;
        int priority = 0;
        in.beginObject();
        while (in.nextField()) {
            switch (in.field()) {
                case "class" -> {
                    String name = in.string();
                    ioClass = in.known(IoPriorityClass.of(name), "io priority class", name);
                }
                case "priority" -> priority = in.int32();
                default -> in.skip();
            }
        }
        return new ProcessSpec.IoPriority(in.require(ioClass, "class"), priority);
    }

    private static ProcessSpec.ExecCpuAffinity execCpuAffinity(JsonCursor in) throws IOException {
        @Nullable String initial = null;
        @Nullable String fin = null;
        in.beginObject();
        while (in.nextField()) {
            switch (in.field()) {
                case "initial" -> initial = in.optionalString();
                case "final" -> fin = in.optionalString();
                default -> in.skip();
            }
        }
        return new ProcessSpec.ExecCpuAffinity(initial, fin);
    }
}
