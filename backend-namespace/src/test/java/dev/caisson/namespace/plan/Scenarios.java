package dev.caisson.namespace.plan;

import dev.caisson.backend.Handover;
import dev.caisson.backend.RootfsMount;
import dev.caisson.linux.plan.LaunchPlan;
import dev.caisson.linux.plan.Sys;
import dev.caisson.oci.Hook;
import dev.caisson.oci.Hooks;
import dev.caisson.oci.IdMapping;
import dev.caisson.oci.Linux;
import dev.caisson.oci.Mount;
import dev.caisson.oci.NamespaceType;
import dev.caisson.oci.ProcessSpec;
import dev.caisson.oci.RlimitType;
import dev.caisson.oci.Root;
import dev.caisson.oci.Spec;
import dev.caisson.oci.SpecTemplate;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Configurations whose plans are kept as golden files; the host is a made-up one with version 2 cgroups. */
final class Scenarios {
    private static final PlanInput.CgroupJoin CGROUPS = new PlanInput.CgroupJoin(
            List.of("/sys/fs/cgroup/devices/c1/tasks"), "/sys/fs/cgroup/unified/c1", null, false);

    private Scenarios() {}

    static HostFacts host() {
        return host(false);
    }

    private static HostFacts host(boolean inUserNamespace) {
        return new HostFacts(
                40,
                (1L << 41) - 1,
                inUserNamespace,
                path -> !path.endsWith(".conf"),
                false,
                false,
                7,
                Map.of(),
                List.of(
                        new HostFacts.CgroupMount("devices", List.of("devices"), "/sys/fs/cgroup/devices/c1", false),
                        new HostFacts.CgroupMount("unified", List.of(), "/sys/fs/cgroup/unified/c1", true)),
                null);
    }

    static Spec spec(Consumer<Spec.Builder> change) {
        Spec.Builder b = SpecTemplate.rootful(true).toBuilder();
        ProcessSpec.Builder p = java.util.Objects.requireNonNull(b.process).toBuilder();
        p.terminal = false;
        b.process = p.build();
        b.root = new Root("rootfs", false);
        change.accept(b);
        return b.build();
    }

    private static void process(Spec.Builder b, Consumer<ProcessSpec.Builder> change) {
        ProcessSpec.Builder p = java.util.Objects.requireNonNull(b.process).toBuilder();
        change.accept(p);
        b.process = p.build();
    }

    private static void linux(Spec.Builder b, Consumer<Linux.Builder> change) {
        Linux.Builder l = b.linux.toBuilder();
        change.accept(l);
        b.linux = l.build();
    }

    static LaunchPlan init(Spec spec) {
        return init(spec, List.of(), null);
    }

    static LaunchPlan init(Spec spec, List<RootfsMount> rootfs, PlanInput.@Nullable SeccompFilter seccomp) {
        return init(spec, rootfs, host(), CGROUPS, seccomp);
    }

    private static LaunchPlan init(
            Spec spec,
            List<RootfsMount> rootfs,
            HostFacts host,
            PlanInput.CgroupJoin cgroups,
            PlanInput.@Nullable SeccompFilter seccomp) {
        return init(spec, rootfs, host, cgroups, seccomp, Handover.NONE, null);
    }

    private static LaunchPlan init(
            Spec spec,
            List<RootfsMount> rootfs,
            HostFacts host,
            PlanInput.CgroupJoin cgroups,
            PlanInput.@Nullable SeccompFilter seccomp,
            Handover handover,
            PlanInput.@Nullable AtOnce atOnce) {
        return InitPlan.of(new PlanInput(
                "c1",
                spec,
                "/bundle",
                "/bundle/rootfs",
                rootfs,
                false,
                false,
                -1,
                -1,
                host,
                cgroups,
                seccomp,
                PlanInput.HookStates.NONE,
                handover,
                atOnce));
    }

    static LaunchPlan exec(Spec spec, PlanInput.CgroupJoin cgroups, Consumer<ProcessSpec.Builder> change) {
        return exec(spec, cgroups, null, false, change);
    }

    private static LaunchPlan exec(
            Spec spec,
            PlanInput.CgroupJoin cgroups,
            @Nullable KnownHome home,
            boolean ahead,
            Consumer<ProcessSpec.Builder> change) {
        ProcessSpec.Builder p = java.util.Objects.requireNonNull(spec.process()).toBuilder();
        change.accept(p);
        return ExecPlan.of(
                4711,
                spec.linux(),
                spec.annotations(),
                p.build(),
                host(),
                cgroups,
                null,
                -1,
                -1,
                home,
                Handover.NONE,
                ahead);
    }

    private static Spec userNamespace() {
        return spec(b -> linux(b, l -> {
            List<Linux.Namespace> namespaces = new ArrayList<>(l.namespaces);
            namespaces.add(new Linux.Namespace(NamespaceType.USER, null));
            l.namespaces = namespaces;
            l.uidMappings = List.of(new IdMapping(0, 100_000, 65_536));
            l.gidMappings = List.of(new IdMapping(0, 100_000, 65_536));
        }));
    }

    /** A user's container, without cgroups. */
    private static LaunchPlan rootless(IdMapping... mappings) {
        Spec spec = spec(b -> linux(b, l -> {
            List<Linux.Namespace> namespaces = new ArrayList<>(l.namespaces);
            namespaces.add(new Linux.Namespace(NamespaceType.USER, null));
            l.namespaces = namespaces;
            l.uidMappings = List.of(mappings);
            l.gidMappings = List.of(mappings);
        }));
        HostFacts root = host();
        HostFacts user = new HostFacts(
                root.lastCapability(),
                0,
                false,
                root.isDirectory(),
                false,
                false,
                7,
                Map.of(),
                List.of(),
                new HostFacts.User(1000, 1000, true));
        return init(spec, List.of(), user, PlanInput.CgroupJoin.NONE, null);
    }

    private static Hook hook(String name) {
        return new Hook("/hooks/" + name, List.of(name), List.of("A=b"), 5);
    }

    static Map<String, LaunchPlan> all() {
        Map<String, LaunchPlan> plans = new LinkedHashMap<>();
        plans.put("default", init(spec(b -> {})));
        plans.put("user-namespace", init(userNamespace()));
        Spec restricted = spec(b -> b.annotations = Map.of(
                LandlockPolicy.ANNOTATION,
                "path-beneath:read,execute:/; path-beneath:write:/tmp; net-port:connect-tcp:443; scope:signal"));
        plans.put("landlock", init(restricted));
        plans.put("exec-landlock", exec(restricted, CGROUPS, p -> {}));
        plans.put("of-user", rootless(new IdMapping(0, 1000, 1)));
        plans.put("of-user-ranges", rootless(new IdMapping(0, 1000, 1), new IdMapping(1, 100_000, 65_536)));
        plans.put("systemd", init(spec(b -> {}), List.of(), host(), PlanInput.CgroupJoin.BY_DAEMON, null));
        plans.put(
                "late-cgroups",
                init(
                        spec(b -> {}),
                        List.of(),
                        host(),
                        new PlanInput.CgroupJoin(
                                CGROUPS.taskFiles(), CGROUPS.unifiedDirectory(), null, false, PlanInput.Entry.LATE),
                        null));
        PlanInput.CgroupJoin staged = new PlanInput.CgroupJoin(
                CGROUPS.taskFiles(), CGROUPS.unifiedDirectory(), null, false, PlanInput.Entry.STAGED);
        plans.put("staged-cgroups", init(spec(b -> {}), List.of(), host(), staged, null));
        plans.put(
                "namespaces-ahead",
                init(
                        spec(b -> {}),
                        List.of(),
                        host(),
                        staged,
                        null,
                        Handover.NONE.in(InitPlan.namespacesAhead(spec(b -> {}).linux(), List.of(), false)),
                        null));
        plans.put(
                "at-once",
                init(
                        spec(b -> {}),
                        List.of(),
                        host(),
                        staged,
                        null,
                        Handover.NONE,
                        new PlanInput.AtOnce(new KnownHome("/home/of", 1, 2, 3, 4))));
        plans.put("terminal", init(spec(b -> process(b, p -> p.terminal = true))));
        plans.put("readonly-root", init(spec(b -> b.root = new Root("rootfs", true))));
        plans.put(
                "user",
                init(spec(b -> process(b, p -> {
                    p.user = new ProcessSpec.User(1000, 1001, 0027, List.of(7L, 8L));
                    p.cwd = "/work/dir";
                    p.oomScoreAdj = 500;
                    p.rlimits = List.of(new ProcessSpec.Rlimit(RlimitType.CORE, 0, -1));
                }))));
        plans.put(
                "hooks",
                init(spec(b -> b.hooks = new Hooks(
                        List.of(hook("prestart")),
                        List.of(hook("createRuntime")),
                        List.of(hook("createContainer")),
                        List.of(hook("startContainer")),
                        List.of(),
                        List.of()))));
        PlanInput.SeccompFilter filter = new PlanInput.SeccompFilter(new byte[16], 4, false, Set.of());
        plans.put("seccomp", init(spec(b -> {}), List.of(), filter));
        plans.put(
                "seccomp-without-no-new-privileges",
                init(
                        spec(b -> process(b, p -> p.noNewPrivileges = false)),
                        List.of(),
                        new PlanInput.SeccompFilter(new byte[16], 12, true, Set.of(Sys.PPOLL))));
        plans.put(
                "seccomp-that-stops-notes",
                init(spec(b -> {}), List.of(), new PlanInput.SeccompFilter(new byte[16], 12, true, Set.of(Sys.WRITE))));
        plans.put(
                "joined-namespaces",
                init(spec(b -> linux(
                        b,
                        l -> l.namespaces = List.of(
                                new Linux.Namespace(NamespaceType.PID, "/proc/1/ns/pid"),
                                new Linux.Namespace(NamespaceType.NETWORK, "/run/netns/pod"),
                                new Linux.Namespace(NamespaceType.IPC, "/proc/1/ns/ipc"),
                                new Linux.Namespace(NamespaceType.UTS, null),
                                new Linux.Namespace(NamespaceType.MOUNT, null))))));
        List<IdMapping> own = List.of(new IdMapping(0, 5000, 10));
        plans.put("mounts", init(spec(b -> {
            List<Mount> mounts = new ArrayList<>(b.mounts);
            mounts.add(Mount.of("/data", "/host/data", "bind", List.of("rbind", "rro", "rslave", "noatime")));
            mounts.add(Mount.of("/etc/x.conf", "x.conf", "bind", List.of("bind", "ro")));
            mounts.add(new Mount("/mapped", "/host/mapped", "bind", List.of("bind"), own, own));
            mounts.add(Mount.of("/run", "tmpfs", "tmpfs", List.of("ro", "size=1m")));
            b.mounts = mounts;
        })));
        plans.put(
                "overlay-rootfs",
                init(
                        spec(b -> {}),
                        List.of(new RootfsMount(
                                "overlay", "overlay", "", List.of("lowerdir=/l/2:/l/1", "upperdir=/u", "workdir=/w"))),
                        null));
        plans.put("exec", exec(spec(b -> {}), CGROUPS, p -> p.args = List.of("/bin/ps")));
        plans.put(
                "exec-home",
                exec(
                        spec(b -> {}),
                        CGROUPS,
                        new KnownHome("/root", 0x2b, 4711, 1_795_000_000, 123_456_789),
                        false,
                        p -> {}));
        plans.put(
                "exec-ahead",
                exec(
                        spec(b -> {}),
                        CGROUPS,
                        new KnownHome("/root", 0x2b, 4711, 1_795_000_000, 123_456_789),
                        true,
                        p -> {}));
        plans.put(
                "exec-systemd", exec(spec(b -> {}), PlanInput.CgroupJoin.BY_DAEMON, p -> p.args = List.of("/bin/ps")));
        plans.put(
                "exec-in-user-namespace",
                exec(
                        userNamespace(),
                        new PlanInput.CgroupJoin(
                                List.of(), "/sys/fs/cgroup/unified/c1", "/sys/fs/cgroup/unified/c1/init", true),
                        p -> p.terminal = true));
        plans.put(
                "joined-user-namespace",
                init(
                        spec(b -> linux(b, l -> {
                            List<Linux.Namespace> namespaces = new ArrayList<>(l.namespaces);
                            namespaces.add(new Linux.Namespace(NamespaceType.USER, "/proc/1/ns/user"));
                            namespaces.removeIf(ns -> ns.type() == NamespaceType.NETWORK);
                            namespaces.add(new Linux.Namespace(NamespaceType.NETWORK, "/run/netns/pod"));
                            l.namespaces = namespaces;
                        })),
                        List.of(),
                        host(),
                        new PlanInput.CgroupJoin(List.of(), "/sys/fs/cgroup/unified/c1", null, true),
                        null));
        plans.put("rootless", init(spec(b -> {}), List.of(), host(true), CGROUPS, null));
        plans.put(
                "outlives-its-launcher",
                init(spec(b -> {}), List.of(), host(), CGROUPS, null, new Handover(true, 2), null));
        plans.put("exec-affinity", exec(spec(b -> {}), CGROUPS, p -> {
            p.execCpuAffinity = new ProcessSpec.ExecCpuAffinity("0-1", "3");
            p.selinuxLabel = "a:b:c";
        }));
        plans.put(
                "criu-restore",
                CriuPlan.restore(
                        "/usr/sbin/criu",
                        "/images",
                        "/work",
                        "/bundle/rootfs",
                        List.of(new CriuPlan.MountPoint("/proc", true), new CriuPlan.MountPoint("/etc/hosts", false)),
                        List.of("/run/netns/n")));
        plans.put("criu-dump", CriuPlan.dump("/usr/sbin/criu", "/images", "/work", "/proc/5/fd/3"));
        plans.put("criu-adopt-terminal", CriuPlan.adopt(4711, 100, 57));
        return plans;
    }
}
