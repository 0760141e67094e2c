package dev.caisson.backend.testkit;

import dev.caisson.oci.Linux;
import dev.caisson.oci.ProcessSpec;
import dev.caisson.oci.Root;
import dev.caisson.oci.Spec;
import dev.caisson.oci.SpecTemplate;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;

/** A bundle with busybox as its root file system, and the specification to run in it. */
public final class Bundle {
    /** Begins every id and is the cgroup parent of this JVM's containers: what carries it is no other program's. */
    static final String NAME = "caisson-test-" + ProcessHandle.current().pid();

    private static final AtomicInteger NUMBER = new AtomicInteger();
    private static final List<Path> BUSYBOX = List.of(Path.of("/bin/busybox"), Path.of("/usr/bin/busybox"));
    private static final List<String> APPLETS = List.of(
            "sh",
            "cat",
            "ls",
            "echo",
            "sleep",
            "true",
            "false",
            "id",
            "pwd",
            "env",
            "tty",
            "stty",
            "dd",
            "tail",
            "kill",
            "ps",
            "stat",
            "mount",
            "umount",
            "mknod",
            "mkdir",
            "rm",
            "ln",
            "touch",
            "readlink",
            "grep",
            "hostname",
            "chmod",
            "ulimit",
            "head",
            "wc",
            "test",
            "ip",
            "df",
            "find",
            "umask",
            "date");

    private final Path directory;
    private final String id;
    private Spec spec;

    private Bundle(Path directory, String id, Spec spec) {
        this.directory = directory;
        this.id = id;
        this.spec = spec;
    }

    /** A bundle below {@code parent} whose process is {@code sh -c script}. */
    public static Bundle shell(Path parent, String script) {
        return of(parent, "sh", "-c", script);
    }

    /** A bundle below {@code parent} whose process has these arguments. */
    public static Bundle of(Path parent, String... args) {
        String id = NAME + "-" + NUMBER.incrementAndGet();
        Path directory = parent.resolve(id);
        try {
            Path bin = Files.createDirectories(directory.resolve("rootfs/bin"));
            Path busybox =
                    BUSYBOX.stream().filter(Files::isExecutable).findFirst().orElseThrow();
            Files.copy(busybox, bin.resolve("busybox"), StandardCopyOption.COPY_ATTRIBUTES);
            for (String applet : APPLETS) {
                Files.createSymbolicLink(bin.resolve(applet), Path.of("busybox"));
            }
            Files.createDirectories(directory.resolve("scratch"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        Spec template = SpecTemplate.rootful(false);
        Spec.Builder b = template.toBuilder();
        b.root = new Root("rootfs", false);
        ProcessSpec.Builder p = java.util.Objects.requireNonNull(template.process()).toBuilder();
        p.terminal = false;
        p.args = List.of(args);
        b.process = p.build();
        Linux.Builder l = template.linux().toBuilder();
        l.cgroupsPath = "/" + NAME + "/" + id;
        b.linux = l.build();
        return new Bundle(directory, id, b.build());
    }

    public String id() {
        return id;
    }

    public Path directory() {
        return directory;
    }

    /** A file or directory of the root file system. */
    public Path rootfs(String path) {
        return directory.resolve("rootfs").resolve(path);
    }

    public Spec spec() {
        return spec;
    }

    public Bundle spec(UnaryOperator<Spec> change) {
        spec = change.apply(spec);
        return this;
    }

    public Bundle process(Consumer<ProcessSpec.Builder> change) {
        ProcessSpec.Builder p = java.util.Objects.requireNonNull(spec.process()).toBuilder();
        change.accept(p);
        Spec.Builder b = spec.toBuilder();
        b.process = p.build();
        spec = b.build();
        return this;
    }

    public Bundle linux(Consumer<Linux.Builder> change) {
        Linux.Builder l = spec.linux().toBuilder();
        change.accept(l);
        Spec.Builder b = spec.toBuilder();
        b.linux = l.build();
        spec = b.build();
        return this;
    }

    /** The process of an exec: the container's own with other arguments. */
    public ProcessSpec exec(String... args) {
        ProcessSpec.Builder p = java.util.Objects.requireNonNull(spec.process()).toBuilder();
        p.args = List.of(args);
        p.terminal = false;
        return p.build();
    }
}
