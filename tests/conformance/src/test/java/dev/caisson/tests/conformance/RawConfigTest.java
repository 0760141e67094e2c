package dev.caisson.tests.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.protobuf.Empty;
import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Ctr;
import dev.caisson.tests.support.ShimRig;
import dev.caisson.tests.support.Spec;
import dev.caisson.ttrpc.CallOptions;
import dev.caisson.ttrpc.Code;
import dev.caisson.ttrpc.ServiceNames;
import dev.caisson.ttrpc.TtrpcClient;
import dev.caisson.ttrpc.TtrpcException;
import dev.caisson.ttrpc.proto.bootstrap.BootstrapResult;
import dev.caisson.ttrpc.proto.task.CreateTaskResponse;
import dev.caisson.ttrpc.proto.task.DeleteRequest;
import dev.caisson.ttrpc.proto.task.DeleteResponse;
import dev.caisson.ttrpc.proto.task.KillRequest;
import dev.caisson.ttrpc.proto.task.StartRequest;
import dev.caisson.ttrpc.proto.task.StartResponse;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Configurations that {@code ctr} would not send: bytes in a bundle, read by the real daemon with a real monitor. */
class RawConfigTest extends ShimRigSuite {
    private static final int CONFIGURATIONS = Integer.getInteger("caisson.random.configs", 400);
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final CallOptions LIMIT = CallOptions.timeout(Duration.ofSeconds(60));

    private ObjectNode good(String id) {
        return Spec.of(rig.tag(), id, "sleep", "1000").tree();
    }

    private void write(String id, String text) throws IOException {
        Files.writeString(rig.bundle(id).resolve("config.json"), text);
    }

    /** {@code null} when it was created, else how it was refused. */
    private @Nullable TtrpcException create(TtrpcClient client, String id) {
        try {
            Files.createDirectories(rig.bundle(id).resolve("rootfs"));
            client.call(
                    ServiceNames.TASK_V3, "Create", rig.createRequest(id).build(), CreateTaskResponse.parser(), LIMIT);
            return null;
        } catch (TtrpcException refused) {
            return refused;
        } catch (IOException e) {
            throw new UncheckedIOException("create " + id, e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted", e);
        }
    }

    private static void assertInvalid(@Nullable TtrpcException refused, String word) {
        if (refused == null) {
            throw new AssertionError("was created");
        }
        String text = String.valueOf(refused.getMessage());
        assertThat(text).contains(word).hasSizeLessThan(1000);
        assertThat(refused.code()).as(text).isEqualTo(Code.INVALID_ARGUMENT);
        assertThat(text.lines()).as("one sentence").hasSize(1);
    }

    /** Refused with the given word, and nothing but the daemon left. */
    private void refuses(String text, String word) throws IOException {
        String id = Ctr.newId("raw");
        write(id, text);
        TtrpcClient client = rig.connect(rig.startBootstrapped(id));

        assertInvalid(create(client, id), word);

        rig.delete(id).run().ok();
        rig.assertNothingLeft();
    }

    @Test
    void hundredMebibytesAreRefused() throws IOException {
        String id = Ctr.newId("huge");
        byte[] mebibyte = new byte[1 << 20];
        Arrays.fill(mebibyte, (byte) 'x');
        try (OutputStream out = Files.newOutputStream(rig.bundle(id).resolve("config.json"))) {
            out.write("{\"annotations\":{\"io.kubernetes.cri.sandbox-id\":\"".getBytes(StandardCharsets.UTF_8));
            for (int i = 0; i < 100; i++) {
                out.write(mebibyte);
            }
            out.write("\"}}".getBytes(StandardCharsets.UTF_8));
        }
        TtrpcClient client = rig.connect(rig.startBootstrapped(id));
        long daemon = rig.caissondPid().orElseThrow();

        assertInvalid(create(client, id), "config.json: larger than");

        rig.delete(id).run().ok();
        assertThat(rig.caissondPid()).hasValue(daemon);
        rig.assertNothingLeft();
    }

    /** As large as is allowed, several at a time: they may be refused, but the daemon's memory must not run out. */
    @ParameterizedTest
    @ValueSource(strings = {"one long string", "many short elements"})
    void largestOnesAtATimeDoNotEndTheDaemon(String shape) throws Exception {
        List<Callable<String>> lives = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            String id = Ctr.newId("large");
            lives.add(() -> {
                ObjectNode tree = good(id);
                ObjectNode annotations = tree.putObject("annotations");
                annotations.put("io.kubernetes.cri.container-type", "sandbox");
                annotations.put("io.kubernetes.cri.sandbox-id", id);
                if (shape.startsWith("one")) {
                    annotations
                            .put("big", "x".repeat(1 << 19))
                            .put("more", "y".repeat(1 << 19))
                            .put("most", "z".repeat(1 << 19));
                } else {
                    for (int n = 0; n < 75_000; n++) {
                        annotations.put("key" + n, "value" + n);
                    }
                }
                JSON.writeValue(rig.bundle(id).resolve("config.json").toFile(), tree);
                TtrpcClient client = rig.connect(rig.startBootstrapped(id));
                TtrpcException refused = create(client, id);
                rig.delete(id).run().ok();
                return refused == null ? "created" : refused.code() + " " + refused.getMessage();
            });
        }
        long before;
        String small = Ctr.newId("small");
        write(small, good(small).toString());
        TtrpcClient witness = rig.connect(rig.startBootstrapped(small));
        assertThat(create(witness, small)).isNull();
        before = rig.caissondPid().orElseThrow();
        try (ExecutorService pool = Executors.newFixedThreadPool(lives.size())) {
            for (Future<String> life : pool.invokeAll(lives)) {
                assertThat(life.get()).isNotEqualTo("").doesNotContain("heap", "OutOfMemory", "\n");
            }
        }

        assertThat(rig.caissondPid()).hasValue(before);
        rig.delete(small).run().ok();
        rig.assertNothingLeft();
    }

    @ParameterizedTest
    @ValueSource(strings = {"[", "{\"a\":"})
    void deepNestingIsRefused(String open) throws IOException {
        refuses("{\"ociVersion\":\"1.0.2\",\"unknown\":" + open.repeat(200_000), "config.json");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "/process/cwd",
                "/process/args/0",
                "/process/env/0",
                "/root/path",
                "/hostname",
                "/mounts/0/destination",
                "/mounts/0/source",
                "/mounts/0/options/0",
                "/linux/cgroupsPath",
                "/linux/maskedPaths/0",
                "/linux/readonlyPaths/0"
            })
    void nulInAnyTextIsRefused(String where) throws IOException {
        ObjectNode tree = good("nul");
        JsonNode parent = tree.at(where.substring(0, where.lastIndexOf('/')));
        String name = where.substring(where.lastIndexOf('/') + 1);
        String text = tree.at(where).asText() + "\0/etc";
        if (parent instanceof ArrayNode array) {
            array.set(Integer.parseInt(name), JsonNodeFactory.instance.textNode(text));
        } else {
            ((ObjectNode) parent).put(name, text);
        }
        refuses(tree.toString(), "NUL");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"", " ", "null", "[]", "17", "{", "{}", "{\"ociVersion\":1}", "\u00ef\u00bb\u00bf{}", "nonsense"
            })
    void whatIsNoConfigurationIsRefused(String text) throws IOException {
        refuses(text, "");
    }

    // ---- random configurations ----

    private static final List<String> HOSTILE = List.of(
            "",
            "/",
            ".",
            "..",
            "../../../..",
            "/proc/self/exe",
            "/dev/null",
            "a\0b",
            "x".repeat(5000),
            "/" + "d/".repeat(2100),
            "rw,ro,bind,rbind,remount",
            "%n%s%p",
            "\ud83d\ude00",
            "mount",
            "user",
            "tmpfs",
            "proc",
            "cgroup",
            "bind",
            "SCMP_ACT_KILL",
            "RLIMIT_STACK",
            "CAP_SYS_ADMIN",
            "mode=7777777777",
            "size=-1");

    private final List<JsonNode> numbers = List.of(
            JSON.getNodeFactory().numberNode(0),
            JSON.getNodeFactory().numberNode(-1),
            JSON.getNodeFactory().numberNode(1),
            JSON.getNodeFactory().numberNode(Integer.MAX_VALUE),
            JSON.getNodeFactory().numberNode(Long.MAX_VALUE),
            JSON.getNodeFactory().numberNode(Long.MIN_VALUE),
            JSON.getNodeFactory().numberNode(1e300),
            JSON.getNodeFactory().numberNode(new java.math.BigInteger("9".repeat(400))));

    private JsonNode hostile(SplittableRandom random) {
        return switch (random.nextInt(8)) {
            case 0, 1, 2 -> JSON.getNodeFactory().textNode(HOSTILE.get(random.nextInt(HOSTILE.size())));
            case 3, 4 -> numbers.get(random.nextInt(numbers.size()));
            case 5 -> JSON.getNodeFactory().booleanNode(random.nextBoolean());
            case 6 -> JSON.getNodeFactory().nullNode();
            default ->
                random.nextBoolean()
                        ? JSON.createArrayNode().add("x")
                        : JSON.createObjectNode().put("x", 1);
        };
    }

    /** More of what the format has, so that there is more to spoil. */
    private static ObjectNode rich(ObjectNode tree, SplittableRandom random) {
        ObjectNode linux = (ObjectNode) tree.get("linux");
        ObjectNode process = (ObjectNode) tree.get("process");
        if (random.nextBoolean()) {
            process.put("oomScoreAdj", random.nextInt(1000));
            process.putObject("scheduler").put("policy", "SCHED_OTHER").put("nice", 5);
            process.putObject("consoleSize").put("height", 5).put("width", 6);
            ((ObjectNode) process.get("user"))
                    .put("umask", 18)
                    .putArray("additionalGids")
                    .add(7);
        }
        if (random.nextBoolean()) {
            linux.putObject("sysctl").put("net.ipv4.ip_forward", "1").put("kernel.shmmax", "65536");
            ArrayNode devices = linux.putArray("devices");
            devices.addObject()
                    .put("type", "c")
                    .put("path", "/dev/fuzz")
                    .put("major", 1)
                    .put("minor", 3)
                    .put("fileMode", 438);
        }
        if (random.nextBoolean()) {
            ObjectNode seccomp = linux.putObject("seccomp").put("defaultAction", "SCMP_ACT_ALLOW");
            seccomp.putArray("architectures").add("SCMP_ARCH_X86_64");
            ObjectNode rule = seccomp.putArray("syscalls")
                    .addObject()
                    .put("action", "SCMP_ACT_ERRNO")
                    .put("errnoRet", 1);
            rule.putArray("names").add("mkdir").add("nosuchcall");
            rule.putArray("args").addObject().put("index", 1).put("value", 2).put("op", "SCMP_CMP_EQ");
        }
        if (random.nextBoolean()) {
            ObjectNode resources = (ObjectNode) linux.get("resources");
            resources.putObject("memory").put("limit", 1 << 28);
            resources.putObject("pids").put("limit", 50);
            resources.putObject("cpu").put("shares", 512).put("quota", 50_000).put("period", 100_000);
        }
        if (random.nextInt(4) == 0) {
            ((ArrayNode) linux.get("namespaces")).addObject().put("type", "user");
            for (String map : List.of("uidMappings", "gidMappings")) {
                linux.putArray(map)
                        .addObject()
                        .put("containerID", 0)
                        .put("hostID", 100_000)
                        .put("size", 65_536);
            }
        }
        return tree;
    }

    /** All places in the tree that may be spoilt: the cgroup keeps its name, for the search of leftovers. */
    private static void places(
            JsonNode at, List<Runnable> changes, java.util.function.Supplier<JsonNode> value, SplittableRandom random) {
        if (at instanceof ObjectNode object) {
            for (Map.Entry<String, JsonNode> field : object.properties()) {
                String name = field.getKey();
                if (name.equals("cgroupsPath")) {
                    continue;
                }
                changes.add(() -> object.set(name, value.get()));
                changes.add(() -> object.remove(name));
                places(field.getValue(), changes, value, random);
            }
        } else if (at instanceof ArrayNode array) {
            changes.add(() -> array.add(value.get()));
            for (int i = 0; i < array.size(); i++) {
                int index = i;
                changes.add(() -> array.set(Math.min(index, array.size() - 1), value.get()));
                changes.add(() -> array.add(array.get(index % array.size()).deepCopy()));
                places(array.get(i), changes, value, random);
            }
        }
    }

    @Test
    void randomConfigurationsEndNeitherDaemonNorMonitor() throws Exception {
        long seed = Long.getLong("caisson.seed", System.nanoTime());
        System.out.println("randomConfigurationsEndNeitherDaemonNorMonitor: -Dcaisson.seed=" + seed);
        String pod = Ctr.newId("fuzz");
        write(pod, good(pod).toString());
        // No containerd, no events: each Delete would wait for them.
        byte[] answer = rig.start(pod)
                .env(Map.of("TTRPC_ADDRESS", ""))
                .stdin(rig.bootstrap(pod).clearContainerdTtrpcAddress().build().toByteArray())
                .run()
                .ok()
                .stdout();
        TtrpcClient client =
                rig.connect(ShimRig.socketOf(BootstrapResult.parseFrom(answer).getAddress()));
        assertThat(create(client, pod)).isNull();
        long daemon = rig.caissondPid().orElseThrow();
        List<Long> monitors = rig.monitors();
        Map<String, Integer> outcomes = new TreeMap<>();
        List<String> wrong = new ArrayList<>();
        for (int i = 0; i < CONFIGURATIONS; i++) {
            SplittableRandom random = new SplittableRandom(seed + i);
            String id = Ctr.newId("fuzz");
            ObjectNode tree = rich(good(id), random);
            for (int n = random.nextInt(3); n > 0; n--) {
                List<Runnable> changes = new ArrayList<>();
                places(tree, changes, () -> hostile(random), random);
                if (!changes.isEmpty()) {
                    changes.get(random.nextInt(changes.size())).run();
                }
            }
            write(id, tree.toString());
            String outcome = live(client, id, wrong, tree);
            outcomes.merge(outcome, 1, Integer::sum);
            if (!rig.caissondPid().equals(java.util.Optional.of(daemon))
                    || !rig.monitors().equals(monitors)) {
                throw new AssertionError("daemon or monitor ended at " + tree);
            }
        }
        System.out.println(CONFIGURATIONS + " configurations: " + outcomes);
        assertThat(wrong).isEmpty();
        assertThat(rig.caissondPid()).hasValue(daemon);
        rig.delete(pod).run().ok();
        rig.assertNothingLeft();
    }

    private String live(TtrpcClient client, String id, List<String> wrong, ObjectNode tree)
            throws InterruptedException {
        TtrpcException refused = create(client, id);
        String outcome = refused == null ? "created" : "refused " + refused.code();
        if (refused == null) {
            try {
                client.call(
                        ServiceNames.TASK_V3,
                        "Start",
                        StartRequest.newBuilder().setId(id).build(),
                        StartResponse.parser(),
                        LIMIT);
                outcome = "started";
            } catch (TtrpcException e) {
                outcome = "not started " + e.code();
                sentence(e, wrong, tree);
            }
            try {
                client.call(
                        ServiceNames.TASK_V3,
                        "Kill",
                        KillRequest.newBuilder()
                                .setId(id)
                                .setSignal(9)
                                .setAll(true)
                                .build(),
                        Empty.parser(),
                        LIMIT);
            } catch (TtrpcException ended) {
                outcome += ", ended itself";
            }
            delete(client, id, wrong, tree);
        } else {
            sentence(refused, wrong, tree);
        }
        return outcome;
    }

    private static void sentence(TtrpcException refused, List<String> wrong, ObjectNode tree) {
        String text = String.valueOf(refused.getMessage());
        if (text.isBlank() || text.lines().count() != 1 || text.contains("Exception") || text.length() > 6500) {
            wrong.add(refused.code() + " " + text + "\n  for " + tree);
        }
    }

    private static void delete(TtrpcClient client, String id, List<String> wrong, ObjectNode tree)
            throws InterruptedException {
        @Nullable TtrpcException last = null;
        for (int attempt = 0; attempt < 200; attempt++) {
            try {
                client.call(
                        ServiceNames.TASK_V3,
                        "Delete",
                        DeleteRequest.newBuilder().setId(id).build(),
                        DeleteResponse.parser(),
                        LIMIT);
                return;
            } catch (TtrpcException notYet) {
                last = notYet;
                Await.sleep(Duration.ofMillis(20));
            }
        }
        wrong.add("delete: " + last + "\n  for " + tree);
    }
}
