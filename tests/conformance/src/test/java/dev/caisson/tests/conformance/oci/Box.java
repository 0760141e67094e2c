package dev.caisson.tests.conformance.oci;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.BusyboxRoot;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.OciRuntime;
import dev.caisson.tests.support.Spec;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** One bundle with a root file system of busybox, and the commands that take its container through its life. */
final class Box {
    static final ObjectMapper JSON = new ObjectMapper();
    private static final Duration SOON = Duration.ofSeconds(60);

    final OciRuntime runtime;
    final String id;
    final Path bundle;
    private final Path root;
    private final List<String> prefix = new ArrayList<>();
    private final Spec spec;

    /**
     * @param dir of the test; its name is part of every path and cgroup of the container
     * @param script what {@code /bin/sh} runs inside
     */
    Box(OciRuntime runtime, Path dir, String id, String script) {
        this.runtime = runtime;
        this.id = id;
        this.root = dir.resolve("root");
        this.bundle = dir.resolve(id);
        this.spec = Spec.of(String.valueOf(dir.getFileName()), id, "/bin/sh", "-c", script);
        BusyboxRoot.layOut(bundle.resolve("rootfs"));
    }

    /** The file {@code path} of the container's root file system, seen from the host. */
    Path file(String path) {
        return bundle.resolve("rootfs").resolve(path.substring(1));
    }

    ObjectNode config() {
        return spec.tree();
    }

    ObjectNode linux() {
        return (ObjectNode) config().get("linux");
    }

    ObjectNode process() {
        return (ObjectNode) config().get("process");
    }

    Spec spec() {
        return spec;
    }

    /** Puts {@code json} where {@code pointer} says, for example {@code /linux/sysctl}; its parent must exist. */
    Box set(String pointer, String json) {
        int slash = pointer.lastIndexOf('/');
        ObjectNode parent = slash == 0 ? config() : (ObjectNode) config().at(pointer.substring(0, slash));
        parent.set(pointer.substring(slash + 1), parse(json));
        return this;
    }

    /** Adds {@code json} to the array at {@code pointer}. */
    Box add(String pointer, String json) {
        ((ArrayNode) config().at(pointer)).add(parse(json));
        return this;
    }

    /** Adds a capability to the sets of a default configuration. */
    Box capable(String name) {
        for (String set : List.of("bounding", "effective", "permitted")) {
            ((ArrayNode) config().at("/process/capabilities/" + set)).add(name);
        }
        return this;
    }

    /** Leaves out a namespace of the default configuration: the runtime's own is inherited. */
    Box without(String namespace) {
        ArrayNode all = (ArrayNode) config().at("/linux/namespaces");
        for (int i = all.size() - 1; i >= 0; i--) {
            if (all.get(i).get("type").asText().equals(namespace)) {
                all.remove(i);
            }
        }
        return this;
    }

    /** Runs the runtime by these words in front of its command line. */
    Box under(String... words) {
        prefix.addAll(List.of(words));
        return this;
    }

    static JsonNode parse(String text) {
        try {
            return JSON.readTree(text);
        } catch (IOException e) {
            throw new AssertionError("not JSON: " + text, e);
        }
    }

    /** Writes config.json as the tree is now. */
    Box write() {
        try {
            Files.writeString(bundle.resolve("config.json"), JSON.writeValueAsString(config()));
        } catch (IOException e) {
            throw new UncheckedIOException("write the configuration of " + bundle, e);
        }
        return this;
    }

    Command command(String... arguments) {
        List<String> argv = new ArrayList<>(prefix);
        argv.addAll(runtime.command(root, arguments).argv());
        return Command.of(argv).env(runtime.environment());
    }

    /** {@code create}; the container inherits two files as its standard output and error. */
    Command.Result tryCreate(String... flags) {
        write();
        List<String> arguments = new ArrayList<>(List.of("create", "--bundle", bundle.toString()));
        arguments.addAll(List.of(flags));
        arguments.add(id);
        return command(arguments.toArray(String[]::new))
                .into(bundle.resolve("created"))
                .run();
    }

    Box create(String... flags) {
        tryCreate(flags).ok();
        return this;
    }

    Command.Result tryStart() {
        return command("start", id).run();
    }

    Box start() {
        tryStart().ok();
        return this;
    }

    /** {@code run} in the foreground: output and exit code are the container's. */
    Command.Result run() {
        write();
        return command("run", "--bundle", bundle.toString(), id).run();
    }

    Command.Result kill(String... signal) {
        List<String> arguments = new ArrayList<>(List.of("kill", id));
        arguments.addAll(List.of(signal));
        return command(arguments.toArray(String[]::new)).run();
    }

    Command.Result delete(String... flags) {
        List<String> arguments = new ArrayList<>(List.of("delete"));
        arguments.addAll(List.of(flags));
        arguments.add(id);
        return command(arguments.toArray(String[]::new)).run();
    }

    Command.Result tryState() {
        return command("state", id).run();
    }

    JsonNode state() {
        return parse(tryState().ok().out());
    }

    String status() {
        return state().get("status").asText();
    }

    long pid() {
        return state().get("pid").asLong();
    }

    Box await(String status) {
        Await.until("status " + status, SOON, () -> status().equals(status));
        return this;
    }

    /** What a created container has printed so far. */
    String output() {
        return text(bundle.resolve("created.out"));
    }

    /** The text of a file; empty when there is none. */
    static String text(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException none) {
            return "";
        }
    }

    @Override
    public String toString() {
        return runtime + " " + bundle;
    }
}
