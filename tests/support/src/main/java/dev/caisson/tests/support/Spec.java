package dev.caisson.tests.support;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;

/** A config.json like the one that {@code ctr run} writes by default; tests change the tree as they need. */
public final class Spec {
    private static final ObjectMapper JSON = new ObjectMapper();

    private static final List<String> CAPABILITIES = List.of(
            "CAP_CHOWN",
            "CAP_DAC_OVERRIDE",
            "CAP_FSETID",
            "CAP_FOWNER",
            "CAP_MKNOD",
            "CAP_NET_RAW",
            "CAP_SETGID",
            "CAP_SETUID",
            "CAP_SETFCAP",
            "CAP_SETPCAP",
            "CAP_NET_BIND_SERVICE",
            "CAP_SYS_CHROOT",
            "CAP_KILL",
            "CAP_AUDIT_WRITE");

    private final ObjectNode root;

    private Spec(ObjectNode root) {
        this.root = root;
    }

    /** The default configuration for {@code argv}; the cgroup is {@code /<namespace>/<id>}. */
    public static Spec of(String namespace, String id, String... argv) {
        ObjectNode root = JSON.createObjectNode();
        root.put("ociVersion", "1.0.2");
        root.set("process", process(argv));
        root.set("root", JSON.createObjectNode().put("path", "rootfs"));
        root.put("hostname", "box");
        ArrayNode mounts = root.putArray("mounts");
        mount(mounts, "proc", "/proc", "proc", "nosuid", "noexec", "nodev");
        mount(mounts, "tmpfs", "/dev", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k");
        mount(
                mounts,
                "devpts",
                "/dev/pts",
                "devpts",
                "nosuid",
                "noexec",
                "newinstance",
                "ptmxmode=0666",
                "mode=0620",
                "gid=5");
        mount(mounts, "tmpfs", "/dev/shm", "shm", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k");
        mount(mounts, "mqueue", "/dev/mqueue", "mqueue", "nosuid", "noexec", "nodev");
        mount(mounts, "sysfs", "/sys", "sysfs", "nosuid", "noexec", "nodev", "ro");
        mount(mounts, "tmpfs", "/run", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k");
        ObjectNode linux = root.putObject("linux");
        linux.put("cgroupsPath", "/" + namespace + "/" + id);
        ArrayNode namespaces = linux.putArray("namespaces");
        for (String type : List.of("pid", "ipc", "uts", "mount", "network")) {
            namespaces.addObject().put("type", type);
        }
        if (Files.exists(Path.of("/sys/fs/cgroup/cgroup.controllers"))) {
            namespaces.addObject().put("type", "cgroup");
        }
        linux.putObject("resources")
                .putArray("devices")
                .addObject()
                .put("allow", false)
                .put("access", "rwm");
        strings(
                linux.putArray("maskedPaths"),
                List.of("/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"));
        strings(
                linux.putArray("readonlyPaths"),
                List.of("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"));
        return new Spec(root);
    }

    /** The {@code process} object for {@code argv}, as exec wants it too. */
    public static ObjectNode process(String... argv) {
        ObjectNode process = JSON.createObjectNode();
        process.putObject("user").put("uid", 0).put("gid", 0);
        strings(process.putArray("args"), List.of(argv));
        strings(process.putArray("env"), List.of("PATH=/bin:/usr/bin", "TERM=xterm"));
        process.put("cwd", "/");
        ObjectNode capabilities = process.putObject("capabilities");
        for (String set : List.of("bounding", "effective", "permitted")) {
            strings(capabilities.putArray(set), CAPABILITIES);
        }
        process.putArray("rlimits")
                .addObject()
                .put("type", "RLIMIT_NOFILE")
                .put("hard", 1024)
                .put("soft", 1024);
        process.put("noNewPrivileges", true);
        return process;
    }

    /** The whole tree, to be changed in place. */
    public ObjectNode tree() {
        return root;
    }

    /** Applies {@code change} to the tree. */
    public Spec with(Consumer<ObjectNode> change) {
        change.accept(root);
        return this;
    }

    /** Sets {@code process.terminal}. */
    public Spec terminal() {
        return with(tree -> ((ObjectNode) tree.get("process")).put("terminal", true));
    }

    /** Sets {@code linux.resources.<name>} to the JSON text {@code value}. */
    public Spec resource(String name, String value) {
        ((ObjectNode) root.at("/linux/resources")).set(name, parse(value));
        return this;
    }

    /** Adds a bind mount. */
    public Spec bind(Path source, String destination, String... options) {
        ArrayNode mounts = (ArrayNode) root.get("mounts");
        ObjectNode mount = mounts.addObject()
                .put("type", "bind")
                .put("source", source.toString())
                .put("destination", destination);
        ArrayNode list = mount.putArray("options").add("rbind");
        strings(list, List.of(options));
        return this;
    }

    boolean hasTerminal() {
        return root.at("/process/terminal").asBoolean(false);
    }

    /** The configuration as containerd carries it. */
    public Any toAny() {
        return json("types.containerd.io/opencontainers/runtime-spec/1/Spec", root);
    }

    /** A process as Exec carries it. */
    public static Any processAny(JsonNode process) {
        return json("types.containerd.io/opencontainers/runtime-spec/1/Process", process);
    }

    /** {@code linux.resources} as Update carries it. */
    public static Any resourcesAny(String text) {
        return json("types.containerd.io/opencontainers/runtime-spec/1/LinuxResources", parse(text));
    }

    private static Any json(String type, JsonNode value) {
        try {
            return Any.newBuilder()
                    .setTypeUrl(type)
                    .setValue(ByteString.copyFrom(JSON.writeValueAsBytes(value)))
                    .build();
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException("write " + type, e);
        }
    }

    static JsonNode parse(String text) {
        try {
            return JSON.readTree(text);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException("not JSON: " + text, e);
        }
    }

    private static void mount(ArrayNode mounts, String type, String destination, String source, String... options) {
        ObjectNode mount = mounts.addObject()
                .put("destination", destination)
                .put("type", type)
                .put("source", source);
        strings(mount.putArray("options"), List.of(options));
    }

    private static void strings(ArrayNode array, List<String> values) {
        for (String value : values) {
            array.add(value);
        }
    }
}
