package dev.caisson.namespace.plan;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.plan.LaunchPlan;
import dev.caisson.oci.DeviceType;
import dev.caisson.oci.Hook;
import dev.caisson.oci.Hooks;
import dev.caisson.oci.IdMapping;
import dev.caisson.oci.Linux;
import dev.caisson.oci.Mount;
import dev.caisson.oci.NamespaceType;
import dev.caisson.oci.ProcessSpec;
import dev.caisson.oci.Spec;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Plans for random configurations are well-formed: everything that {@code plan_check} of monitor/src/plan.c asks, and no step falls off the end. */
final class RandomPlanTest {
    private static final int HEADER = 24;
    private static final int OP = 32;
    private static final int CALL = 0;
    private static final int JUMP = 1;
    private static final int STORE = 2;
    private static final int LOAD = 3;
    private static final int DECIMAL = 4;
    private static final int FAIL = 7;
    private static final int EXIT = 60;
    private static final int MAX_SLOTS = 4096;

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4711, 20_261_124, -1})
    void areWellFormed(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        for (int i = 0; i < 60; i++) {
            Spec spec = spec(random);
            check(Scenarios.init(spec), "seed " + seed + ", plan " + i);
            check(
                    Scenarios.exec(spec, PlanInput.CgroupJoin.NONE, p -> p.terminal = random.nextBoolean()),
                    "seed " + seed + ", exec " + i);
        }
    }

    private static <T> T one(SplittableRandom random, List<T> of) {
        return of.get(random.nextInt(of.size()));
    }

    private static Spec spec(SplittableRandom random) {
        return Scenarios.spec(b -> {
            List<Mount> mounts = new ArrayList<>();
            for (int i = random.nextInt(12); i > 0; i--) {
                List<String> options = new ArrayList<>();
                for (int k = random.nextInt(5); k > 0; k--) {
                    options.add(one(random, MountOptions.known()));
                }
                List<IdMapping> own =
                        random.nextInt(4) == 0 ? List.of(new IdMapping(0, random.nextInt(100_000), 10)) : List.of();
                mounts.add(new Mount(
                        one(
                                random,
                                List.of(
                                        "/a",
                                        "/a/../b//c",
                                        "/proc",
                                        "/dev",
                                        "/\u00e9/\ud83d\ude00",
                                        "relative/x",
                                        "/")),
                        one(random, List.of("/src", "src", "tmpfs")),
                        one(random, List.of("bind", "tmpfs", "proc", "cgroup", "mqueue", "uds")),
                        options,
                        own,
                        own));
            }
            b.mounts = mounts;
            Linux.Builder l = b.linux.toBuilder();
            List<Linux.Namespace> namespaces = new ArrayList<>();
            for (NamespaceType type : NamespaceType.values()) {
                if (random.nextInt(3) > 0) {
                    namespaces.add(new Linux.Namespace(type, random.nextInt(3) == 0 ? "/ns/" + type.wire() : null));
                }
            }
            l.namespaces = namespaces;
            l.uidMappings = List.of(new IdMapping(0, 1000, 1));
            l.gidMappings = l.uidMappings;
            List<Linux.Device> devices = new ArrayList<>();
            for (int i = random.nextInt(5); i > 0; i--) {
                devices.add(new Linux.Device(
                        one(random, List.of(DeviceType.values())),
                        one(random, List.of("/dev/x", "/x", "/dev/a/b", "/dev/null")),
                        random.nextLong(1L << 32),
                        random.nextLong(1L << 32),
                        random.nextInt(01000),
                        5L,
                        6L));
            }
            l.devices = devices;
            l.sysctl = random.nextBoolean() ? Map.of("net.core.somaxconn", "1") : Map.of();
            l.netDevices = random.nextInt(3) == 0 ? Map.of("eth0", new Linux.NetDevice("e%d")) : Map.of();
            b.linux = l.build();
            ProcessSpec.Builder p = java.util.Objects.requireNonNull(b.process).toBuilder();
            p.terminal = random.nextBoolean();
            p.args = List.of(one(random, List.of("sh", "/bin/sh", "./x", "")));
            p.env = random.nextBoolean() ? List.of("PATH=", "HOME=/h") : List.of("PATH=a:/b::/c/", "X");
            p.cwd = one(random, List.of("/", "", "/x/y"));
            p.user = new ProcessSpec.User(random.nextLong(1L << 32), random.nextLong(1L << 32), 0, List.of(1L));
            b.process = p.build();
            if (random.nextBoolean()) {
                List<Hook> hooks = List.of(new Hook("/h", List.of(), random.nextBoolean() ? null : List.of(), 1));
                b.hooks = new Hooks(hooks, hooks, hooks, hooks, hooks, hooks);
            }
        });
    }

    private static void check(LaunchPlan plan, String name) {
        ByteBuffer bytes = ByteBuffer.wrap(plan.encode()).order(ByteOrder.LITTLE_ENDIAN);
        int slots = bytes.getShort(6) & 0xffff;
        int ops = bytes.getInt(8);
        int sent = bytes.getInt(12);
        int data = sent + bytes.getInt(16);
        assertThat(slots).as(name).isLessThanOrEqualTo(MAX_SLOTS);
        assertThat(bytes.capacity()).as(name).isEqualTo(HEADER + ops * OP + sent);
        for (int i = 0; i < ops; i++) {
            int at = HEADER + i * OP;
            String step = name + ", step " + i + ": " + plan.describe(i);
            int code = bytes.get(at);
            int dst = bytes.getShort(at + 2) & 0xffff;
            int kinds = bytes.getShort(at + 6);
            assertThat(code).as(step).isBetween(0, FAIL);
            assertThat(dst == 0xffff || dst < slots).as(step).isTrue();
            for (int a = 0; a < 6; a++) {
                int value = bytes.getInt(at + 8 + 4 * a);
                switch (kinds >>> (2 * a) & 3) {
                    case 1 -> assertThat(value).as(step).isBetween(0, data);
                    case 2 -> assertThat(value).as(step).isBetween(0, slots - 1);
                    case 3 -> assertThat(value).as(step).isBetween(0, sent - 8);
                    default -> {
                        // any number
                    }
                }
            }
            int place = bytes.getInt(at + 12);
            int third = bytes.getInt(at + 16);
            if (code == JUMP) {
                assertThat(third).as(step).isBetween(0, ops - 1);
            } else if (code == STORE || code == LOAD) {
                assertThat(kinds >>> 2 & 3).as(step).isEqualTo(1);
                assertThat(third).as(step).isBetween(1, 8);
                assertThat(place).as(step).isBetween(0, data - third);
            } else if (code == DECIMAL) {
                assertThat(kinds >>> 2 & 3).as(step).isEqualTo(1);
                assertThat(place).as(step).isBetween(0, data - 21);
            }
        }
        int last = HEADER + (ops - 1) * OP;
        assertThat(bytes.get(last) == FAIL || (bytes.get(last) == CALL && bytes.getShort(last + 4) == EXIT))
                .as(name + ": the last step ends the plan")
                .isTrue();
    }
}
