package dev.caisson.cli;

import dev.caisson.cli.grammar.Arguments;
import dev.caisson.oci.ProcessSpec;
import dev.caisson.oci.Spec;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The process that flags of {@code exec} describe: the container's own with other arguments. Pure. */
final class ExecProcess {
    private static final long MOST_ID = 0xffff_fffeL;

    private ExecProcess() {}

    /** @param listenFds descriptors of systemd's that are passed on */
    static ProcessSpec of(Spec spec, Arguments args, int listenFds) throws Failure {
        ProcessSpec own = spec.process();
        ProcessSpec.Builder p = own == null ? new ProcessSpec.Builder() : own.toBuilder();
        p.args = args.words().subList(1, args.words().size());
        if (p.args.isEmpty()) {
            throw new Failure("process args cannot be empty");
        }
        p.terminal = args.is("tty");
        p.cwd = args.value("cwd", p.cwd.isEmpty() ? "/" : p.cwd);
        p.env = env(p.env, args.values("env"), listenFds);
        p.apparmorProfile = args.value("apparmor") == null ? p.apparmorProfile : args.value("apparmor");
        p.selinuxLabel = args.value("process-label") == null ? p.selinuxLabel : args.value("process-label");
        if (args.value("no-new-privs") != null) {
            p.noNewPrivileges = args.is("no-new-privs");
        }
        p.capabilities = withCapabilities(p.capabilities, args.values("cap"));
        p.user = user(p.user, args);
        return p.build();
    }

    private static List<String> env(List<String> own, List<String> more, int listenFds) {
        List<String> env = new ArrayList<>(own);
        env.addAll(more);
        if (listenFds > 0) {
            env.add("LISTEN_FDS=" + listenFds);
            env.add("LISTEN_PID=1");
        }
        return env;
    }

    /** To the bounding, effective and permitted sets; to the ambient one only what may be there (runc). */
    private static ProcessSpec.@Nullable Capabilities withCapabilities(
            ProcessSpec.@Nullable Capabilities own, List<String> more) {
        if (more.isEmpty()) {
            return own;
        }
        ProcessSpec.Capabilities c = own == null ? ProcessSpec.Capabilities.NONE : own;
        List<String> ambient = new ArrayList<>(c.ambient());
        for (String cap : more) {
            if (c.inheritable().contains(cap) && !ambient.contains(cap)) {
                ambient.add(cap);
            }
        }
        return new ProcessSpec.Capabilities(
                union(c.bounding(), more),
                union(c.effective(), more),
                c.inheritable(),
                union(c.permitted(), more),
                ambient);
    }

    private static List<String> union(List<String> a, List<String> b) {
        List<String> all = new ArrayList<>(a);
        for (String each : b) {
            if (!all.contains(each)) {
                all.add(each);
            }
        }
        return all;
    }

    private static ProcessSpec.User user(ProcessSpec.User own, Arguments args) throws Failure {
        long uid = own.uid();
        long gid = own.gid();
        String text = args.value("user");
        if (text != null) {
            int colon = text.indexOf(':');
            uid = id("user", colon < 0 ? text : text.substring(0, colon));
            gid = colon < 0 ? gid : id("user", text.substring(colon + 1));
        }
        List<Long> groups = new ArrayList<>(own.additionalGids());
        for (String group : args.values("additional-gids")) {
            groups.add(id("additional-gids", group));
        }
        return new ProcessSpec.User(uid, gid, own.umask(), groups);
    }

    /** Strictly a number in the kernel's range (CVE-2026-30892). */
    private static long id(String flag, String text) throws Failure {
        boolean isNumber =
                !text.isEmpty() && text.length() <= 10 && text.chars().allMatch(c -> c >= '0' && c <= '9');
        long id = isNumber ? Long.parseLong(text) : -1;
        if (id < 0 || id > MOST_ID) {
            throw new Failure("parsing --" + flag + ": \"" + text + "\" is not an id from 0 to " + MOST_ID);
        }
        return id;
    }
}
