package dev.caisson.oci;

import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/** Random configurations in which {@link SpecValidator} must find no error. */
final class RandomSpecs {
    private final SplittableRandom random;

    RandomSpecs(long seed) {
        random = new SplittableRandom(seed);
    }

    Spec next() {
        Spec.Builder b = new Spec.Builder();
        b.ociVersion = pick("1.0.0", "1.0.2-dev", "1.1.0+abc", "1.3.0");
        b.process = process();
        b.root = new Root(pick("rootfs", "/srv/" + word()), flip());
        List<NamespaceType> types = new ArrayList<>(List.of(NamespaceType.values()));
        Collections.shuffle(types, new java.util.Random(random.nextLong()));
        List<Linux.Namespace> namespaces = new ArrayList<>();
        Set<NamespaceType> has = EnumSet.noneOf(NamespaceType.class);
        Linux.Builder l = new Linux.Builder();
        for (NamespaceType type : types) {
            if (random.nextInt(4) > 0) {
                String path = random.nextInt(3) == 0 && type != NamespaceType.TIME ? "/proc/7/ns/" + type.wire() : null;
                namespaces.add(new Linux.Namespace(type, path));
                has.add(type);
            }
        }
        l.namespaces = namespaces;
        if (has.contains(NamespaceType.UTS)) {
            b.hostname = maybe(word());
            b.domainname = maybe(word());
        }
        if (has.contains(NamespaceType.MOUNT)) {
            b.mounts = list(8, this::mount);
            l.maskedPaths = list(4, () -> "/proc/" + word());
            l.readonlyPaths = list(4, () -> "/proc/" + word());
        }
        if (has.contains(NamespaceType.USER)) {
            l.uidMappings = idMappings();
            l.gidMappings = idMappings();
        }
        if (has.contains(NamespaceType.TIME)) {
            l.timeOffsets = new Linux.TimeOffsets(maybe(timeOffset()), maybe(timeOffset()));
        }
        Map<String, String> sysctl = new LinkedHashMap<>();
        if (has.contains(NamespaceType.NETWORK)) {
            sysctl.put("net.ipv4." + word(), "1");
            sysctl.put("net/ipv4/conf/eth0.1/" + word(), "0");
            l.netDevices = Map.of("eth" + random.nextInt(9), new Linux.NetDevice(maybe("net%d")));
        }
        if (has.contains(NamespaceType.IPC)) {
            sysctl.put("kernel.shmmax", "65536");
            sysctl.put("fs.mqueue.msg_max", "10");
        }
        l.sysctl = flip() ? sysctl : Map.of();
        b.hooks = hooks();
        b.annotations = stringMap();
        linux(l);
        b.linux = l.build();
        return b.build();
    }

    private void linux(Linux.Builder l) {
        List<Linux.Device> devices = new ArrayList<>();
        for (int i = random.nextInt(4); i > 0; i--) {
            DeviceType type = pick(DeviceType.values());
            boolean fifo = type == DeviceType.FIFO;
            devices.add(new Linux.Device(
                    type,
                    "/dev/" + word() + i,
                    fifo ? null : (long) random.nextInt(0x1000),
                    fifo ? null : (long) random.nextInt(0x10_0000),
                    maybe(random.nextInt(0200000)),
                    maybe(uint32()),
                    maybe(uint32())));
        }
        l.devices = devices;
        l.cgroupsPath = maybe(pick("/a/" + word(), "rel/" + word(), "system.slice:pre:" + word()));
        l.resources = maybe(resources());
        l.seccomp = maybe(seccomp());
        l.rootfsPropagation = maybe(pick(RootfsPropagation.values()));
        l.mountLabel = maybe("system_u:object_r:" + word() + ":s0:c1,c2");
        l.intelRdt = maybe(new Linux.IntelRdt(
                maybe(pick("/", word())), list(2, () -> "L3:0=" + word()), maybe("L3:0=f"), maybe("MB:0=20"), flip()));
        l.memoryPolicy = maybe(new Linux.MemoryPolicy(
                MemoryPolicyMode.BIND, "0-1,3", flip() ? List.of(MemoryPolicyFlag.STATIC_NODES) : List.of()));
        l.personality = maybe(new Linux.Personality(pick(PersonalityDomain.values()), List.of()));
    }

    private ProcessSpec process() {
        ProcessSpec.Builder p = new ProcessSpec.Builder();
        p.terminal = flip();
        p.consoleSize = maybe(new ProcessSpec.ConsoleSize(random.nextInt(65536), random.nextInt(65536)));
        p.user = new ProcessSpec.User(
                id(), id(), maybe(random.nextInt(01000)), list(3, () -> (long) random.nextInt(1 << 20)));
        p.args = new ArrayList<>(list(4, this::text));
        p.args.addFirst("/bin/" + word());
        p.env = list(5, () -> word() + "=" + text());
        p.cwd = "/" + word();
        List<String> caps = list(5, () -> CapabilityNames.ALL.get(random.nextInt(41)));
        p.capabilities = maybe(new ProcessSpec.Capabilities(caps, caps, List.of(), caps, List.of()));
        List<ProcessSpec.Rlimit> rlimits = new ArrayList<>();
        for (RlimitType type : RlimitType.values()) {
            if (random.nextInt(5) == 0) {
                long hard = random.nextLong();
                rlimits.add(new ProcessSpec.Rlimit(type, hard >>> 1, hard));
            }
        }
        p.rlimits = rlimits;
        p.noNewPrivileges = maybe(flip());
        p.apparmorProfile = maybe(word());
        p.selinuxLabel = maybe(word());
        p.oomScoreAdj = maybe(random.nextInt(-1000, 1001));
        p.scheduler = maybe(
                flip()
                        ? new ProcessSpec.Scheduler(
                                SchedulerPolicy.DEADLINE, 0, 0, List.of(SchedulerFlag.RECLAIM), 2048, 4096, 8192)
                        : new ProcessSpec.Scheduler(SchedulerPolicy.RR, 3, 1 + random.nextInt(99), List.of(), 0, 0, 0));
        p.ioPriority = maybe(new ProcessSpec.IoPriority(pick(IoPriorityClass.values()), random.nextInt(8)));
        p.execCpuAffinity = maybe(new ProcessSpec.ExecCpuAffinity(maybe("0-3,7"), maybe("1")));
        return p.build();
    }

    private Mount mount() {
        if (flip()) {
            boolean mapped = random.nextInt(4) == 0;
            return new Mount(
                    "/mnt/" + word(),
                    "/src/" + word(),
                    maybe("bind"),
                    List.of(pick("bind", "rbind"), pick("ro", "rro", "nosuid"), "rprivate"),
                    mapped ? idMappings() : List.of(),
                    mapped ? idMappings() : List.of());
        }
        return Mount.of("/" + word(), maybe("none"), "tmpfs", list(3, () -> pick("ro", "size=64k", "nodev")));
    }

    private List<IdMapping> idMappings() {
        List<IdMapping> list = new ArrayList<>();
        long next = random.nextInt(1000);
        for (int i = 1 + random.nextInt(3); i > 0; i--) {
            long size = 1 + random.nextLong(70_000);
            list.add(new IdMapping(next, next + 100_000, size));
            next += size + random.nextInt(10);
        }
        return list;
    }

    private Linux.TimeOffset timeOffset() {
        return new Linux.TimeOffset(random.nextLong(), random.nextInt(1_000_000_000));
    }

    private Hooks hooks() {
        return random.nextInt(3) > 0
                ? Hooks.NONE
                : new Hooks(
                        list(2, this::hook),
                        list(2, this::hook),
                        list(2, this::hook),
                        list(2, this::hook),
                        list(2, this::hook),
                        list(2, this::hook));
    }

    private Hook hook() {
        return new Hook(
                "/usr/bin/" + word(),
                list(3, this::text),
                maybe(list(2, () -> word() + "=" + text())),
                maybe(1 + random.nextInt(100)));
    }

    Resources resources() {
        Resources.Builder r = new Resources.Builder();
        r.unified = flip() ? Map.of("memory.high", "max", "cpu." + word(), text()) : Map.of();
        r.devices = list(
                4,
                () -> new Resources.DeviceRule(
                        flip(),
                        pick(DeviceRuleType.values()),
                        maybe(uint32()),
                        maybe(uint32()),
                        maybe(pick("r", "rwm"))));
        long limit = 1L + random.nextLong(1L << 50);
        r.memory = maybe(new Resources.Memory(
                limit,
                maybe(-1L),
                maybe(limit * 2),
                maybe(5L),
                maybe(6L),
                maybe((long) random.nextInt(101)),
                maybe(flip()),
                maybe(flip()),
                maybe(flip())));
        r.cpu = maybe(new Resources.Cpu(
                maybe(random.nextLong()),
                maybe(random.nextLong()),
                maybe(random.nextLong()),
                maybe(100_000L),
                maybe(5L),
                maybe(random.nextLong()),
                maybe("0-1"),
                maybe("0"),
                maybe((long) random.nextInt(2))));
        r.pids = maybe(new Resources.Pids(maybe(random.nextLong(-1, 1L << 20))));
        r.blockIo = maybe(new Resources.BlockIo(
                maybe(random.nextInt(10, 1001)),
                null,
                list(2, () -> new Resources.WeightDevice(8, random.nextInt(99), 10, maybe(1000))),
                list(2, this::throttle),
                list(2, this::throttle),
                list(2, this::throttle),
                list(2, this::throttle)));
        r.hugepageLimits = flip() ? List.of(new Resources.HugepageLimit("2MB", random.nextLong())) : List.of();
        r.network = maybe(new Resources.Network(
                maybe(uint32()), list(2, () -> new Resources.InterfacePriority("eth0", uint32()))));
        r.rdma = flip() ? Map.of("mlx5_0", new Resources.Rdma(uint32(), maybe(uint32()))) : Map.of();
        return r.build();
    }

    private Resources.ThrottleDevice throttle() {
        return new Resources.ThrottleDevice(uint32(), uint32(), random.nextLong());
    }

    private Seccomp seccomp() {
        SeccompAction action = pick(SeccompAction.ERRNO, SeccompAction.KILL, SeccompAction.TRAP, SeccompAction.ALLOW);
        return new Seccomp(
                action,
                action == SeccompAction.ERRNO ? maybe(random.nextInt(4096)) : null,
                list(3, () -> pick(SeccompArch.values())),
                maybe(list(2, () -> pick(SeccompFlag.LOG, SeccompFlag.TSYNC, SeccompFlag.SPEC_ALLOW))),
                maybe("/run/" + word()),
                null,
                list(5, this::rule));
    }

    private Seccomp.Rule rule() {
        SeccompAction action = pick(SeccompAction.ALLOW, SeccompAction.ERRNO, SeccompAction.LOG);
        List<String> names = new ArrayList<>(list(5, this::word));
        names.add("read");
        return new Seccomp.Rule(
                names,
                action,
                action == SeccompAction.ERRNO ? maybe(random.nextInt(4096)) : null,
                list(
                        3,
                        () -> new Seccomp.Arg(
                                random.nextInt(6),
                                random.nextLong(),
                                flip() ? 0 : random.nextLong(),
                                pick(SeccompOperator.values()))));
    }

    private Map<String, String> stringMap() {
        Map<String, String> map = new LinkedHashMap<>();
        for (int i = random.nextInt(5); i > 0; i--) {
            map.put("org." + word() + "." + i, text());
        }
        return map;
    }

    private long id() {
        return random.nextLong(0xffff_ffffL);
    }

    private long uint32() {
        return random.nextLong(0x1_0000_0000L);
    }

    private String word() {
        return Long.toString(1 + random.nextLong(1L << 40), 36);
    }

    /** Text with everything that JSON or a shell treats specially, including characters outside the basic plane. */
    private String text() {
        StringBuilder b = new StringBuilder();
        for (int i = random.nextInt(12); i > 0; i--) {
            b.append(pick("a", "\"", "\\", "\n", "\u0001", "é", "\uD83D\uDC0B", "/", " ", "$", "\u007f", "\u2028"));
        }
        return b.toString();
    }

    private boolean flip() {
        return random.nextBoolean();
    }

    private <T> @Nullable T maybe(T value) {
        return random.nextBoolean() ? value : null;
    }

    @SafeVarargs
    private <T> T pick(T... values) {
        return values[random.nextInt(values.length)];
    }

    private <T> List<T> list(int max, java.util.function.Supplier<T> element) {
        List<T> list = new ArrayList<>();
        for (int i = random.nextInt(max + 1); i > 0; i--) {
            list.add(element.get());
        }
        return list;
    }
}
