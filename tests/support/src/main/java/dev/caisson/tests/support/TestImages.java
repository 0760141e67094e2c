package dev.caisson.tests.support;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;

/** Images made from the machine's own files: an OCI image layout in a tar file that {@code ctr images import} takes. */
public final class TestImages {
    /** Debian's static busybox with every applet as a hard link, and a passwd with root and nobody. */
    public static final String BUSYBOX = "caisson.test/busybox:1";

    /** A program of a few hundred bytes that waits for ever; CRI's sandbox image. */
    public static final String PAUSE = "caisson.test/pause:1";

    /** A small Debian with bash, coreutils, perl, procps and util-linux, dynamically linked. */
    public static final String DEBIAN = "caisson.test/debian:1";

    private static final String PAUSE_C = """
            /* Waits for ever. Signals whose default action is to end a process do not reach PID 1 of a namespace. */
            void _start(void)
            {
                for (;;) {
                    long result;
                    __asm__ volatile("syscall" : "=a"(result) : "a"(34L /* pause */) : "rcx", "r11", "memory");
                }
            }
            """;

    private TestImages() {}

    /**
     * @param archive the image layout in a tar file
     * @param chainId name of the unpacked snapshot; with one layer this is the layer's digest
     */
    public record ImageFile(Path archive, String chainId) {}

    /** Writes the busybox image as {@code busybox.tar} into {@code dir}. */
    public static ImageFile busybox(Path dir) {
        Path binary = Command.find("busybox")
                .orElseThrow(() -> Skip.because("every container", "the package busybox-static"));
        String applets = Command.of(binary.toString(), "--list").run().ok().out();
        TarWriter layer = new TarWriter();
        for (String path : List.of("bin", "dev", "etc", "proc", "root", "run", "sys", "var", "usr", "usr/bin", "mnt")) {
            layer.directory(path, 0755);
        }
        layer.directory("tmp", 01777);
        layer.file("etc/passwd", 0644, utf8("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n"));
        layer.file("etc/group", 0644, utf8("root:x:0:\nnogroup:x:65534:\n"));
        layer.file("etc/hostname", 0644, utf8("image\n"));
        layer.file("bin/busybox", 0755, read(binary));
        for (String applet : applets.split("\n", -1)) {
            if (!applet.isBlank() && !applet.equals("busybox")) {
                layer.hardLink("bin/" + applet, "bin/busybox");
            }
        }
        return write(dir.resolve("busybox.tar"), BUSYBOX, layer.bytes(), "\"/bin/sh\"");
    }

    /**
     * Writes the Debian image as {@code debian.tar} into {@code dir}. Its layer is made once from Debian's packages and kept in
     * {@link Cache}; skips the running test where there are none.
     */
    public static ImageFile debian(Path dir) {
        Path layer = Cache.dir("images").resolve("debian-1.layer.tar");
        if (!Files.exists(layer)) {
            Path script = dir.resolve("debian-rootfs.sh");
            try (InputStream text = TestImages.class.getResourceAsStream("debian-rootfs.sh")) {
                Files.write(script, Objects.requireNonNull(text).readAllBytes());
            } catch (IOException e) {
                throw new UncheckedIOException("write " + script, e);
            }
            Command.Result made = Command.of("sh", script.toString(), layer.toString())
                    .timeout(Duration.ofMinutes(3))
                    .run();
            if (made.exit() != 0) {
                System.out.println(made);
                throw Skip.because("a Debian root file system", "apt-get download and a reachable Debian mirror");
            }
        }
        return write(dir.resolve("debian.tar"), DEBIAN, read(layer), "\"/bin/bash\"");
    }

    /** Compiles the pause program and writes its image as {@code pause.tar} into {@code dir}. */
    public static ImageFile pause(Path dir) {
        Path source = dir.resolve("pause.c");
        Path binary = dir.resolve("pause");
        try {
            Files.writeString(source, PAUSE_C);
        } catch (IOException e) {
            throw new UncheckedIOException("write " + source, e);
        }
        Command.of("gcc", "-static", "-nostdlib", "-Os", "-Wall", "-Werror", "-o", binary.toString(), source.toString())
                .run()
                .ok();
        TarWriter layer = new TarWriter();
        layer.file("pause", 0755, read(binary));
        return write(dir.resolve("pause.tar"), PAUSE, layer.bytes(), "\"/pause\"");
    }

    private static ImageFile write(Path file, String name, byte[] layer, String command) {
        String layerDigest = sha256(layer);
        byte[] config = utf8(
                "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Env\":[\"PATH=/bin:/usr/bin\"],\"Cmd\":["
                        + command + "],\"WorkingDir\":\"/\"},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:"
                        + layerDigest + "\"]}}");
        String configDigest = sha256(config);
        byte[] manifest =
                utf8("{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"config\":"
                        + descriptor("application/vnd.oci.image.config.v1+json", configDigest, config.length, "")
                        + ",\"layers\":["
                        + descriptor("application/vnd.oci.image.layer.v1.tar", layerDigest, layer.length, "") + "]}");
        String manifestDigest = sha256(manifest);
        String named = ",\"annotations\":{\"io.containerd.image.name\":\"" + name
                + "\",\"org.opencontainers.image.ref.name\":\"" + name + "\"}";
        byte[] index = utf8("{\"schemaVersion\":2,\"manifests\":["
                + descriptor("application/vnd.oci.image.manifest.v1+json", manifestDigest, manifest.length, named)
                + "]}");
        TarWriter layout = new TarWriter();
        layout.file("oci-layout", 0644, utf8("{\"imageLayoutVersion\":\"1.0.0\"}"));
        layout.directory("blobs", 0755);
        layout.directory("blobs/sha256", 0755);
        layout.file("blobs/sha256/" + layerDigest, 0644, layer);
        layout.file("blobs/sha256/" + configDigest, 0644, config);
        layout.file("blobs/sha256/" + manifestDigest, 0644, manifest);
        layout.file("index.json", 0644, index);
        try {
            return new ImageFile(Files.write(file, layout.bytes()), "sha256:" + layerDigest);
        } catch (IOException e) {
            throw new UncheckedIOException("write " + file, e);
        }
    }

    private static String descriptor(String mediaType, String digest, int size, String more) {
        return "{\"mediaType\":\"" + mediaType + "\",\"digest\":\"sha256:" + digest + "\",\"size\":" + size + more
                + "}";
    }

    private static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static byte[] read(Path file) {
        try {
            return Files.readAllBytes(file);
        } catch (IOException e) {
            throw new UncheckedIOException("read " + file, e);
        }
    }
}
