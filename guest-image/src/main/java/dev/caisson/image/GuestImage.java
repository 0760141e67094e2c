package dev.caisson.image;

import dev.caisson.linux.plan.LaunchPlan;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/**
 * Makes {@code vmlinux}, {@code initramfs}, {@code boot.plan.txt} (what the initramfs's first process does, to be read beside its complaints),
 * {@code busybox.cpio}, which appended to the initramfs has tools to look around with, and {@code manifest} out of a kernel's package, the monitor
 * and busybox.
 */
public final class GuestImage {
    /** What a guest's devices need that kernels have as modules. */
    private static final List<String> MODULES = List.of(
            "virtio_mmio",
            "virtio_blk",
            "virtio_console",
            "virtio_rng",
            "virtio_balloon",
            "virtio_net",
            "virtiofs",
            "vmw_vsock_virtio_transport",
            "erofs",
            "overlay");

    private static final List<String> DIRECTORIES = List.of("dev", "proc", "sys", "run", "tmp", "root");

    private GuestImage() {}

    /** {@code KERNEL-PACKAGE MONITOR BUSYBOX OUTPUT-DIRECTORY} */
    public static void main(String[] args) {
        if (args.length != 4) {
            System.err.println("usage: guest-image KERNEL-PACKAGE MONITOR BUSYBOX OUTPUT-DIRECTORY");
            System.exit(64);
        }
        try {
            make(Path.of(args[0]), Path.of(args[1]), Path.of(args[2]), Path.of(args[3]));
        } catch (IOException e) {
            System.err.println("guest-image: " + e.getMessage());
            System.exit(1);
        }
    }

    static void make(Path kernelPackage, Path monitor, Path busybox, Path output) throws IOException {
        Map<String, byte[]> files = DebianPackage.read(
                kernelPackage,
                path -> path.startsWith("boot/vmlinuz-") || path.endsWith(".ko") || path.endsWith("/modules.builtin"));
        byte[] kernel = only(files, "boot/vmlinuz-", "");
        String builtIn = new String(only(files, "lib/modules/", "/modules.builtin"), StandardCharsets.US_ASCII);
        files.keySet().removeIf(path -> !path.endsWith(".ko"));
        Map<String, byte[]> modules = new KernelModules(files, builtIn).inLoadOrder(MODULES);

        Initramfs initramfs = new Initramfs();
        DIRECTORIES.forEach(initramfs::directory);
        initramfs.program("init", Files.readAllBytes(monitor));
        List<String> paths = new ArrayList<>();
        modules.forEach((name, bytes) -> {
            initramfs.file("modules/" + name + ".ko", bytes);
            paths.add("/modules/" + name + ".ko");
        });
        LaunchPlan plan = BootPlan.of(paths);
        initramfs.file("boot.plan", plan.encode());

        Files.createDirectories(output);
        StringBuilder manifest = new StringBuilder();
        manifest.append("kernel-package ").append(kernelPackage.getFileName()).append('\n');
        write(output, "vmlinux", manifest, out -> BzImage.extract(kernel, out));
        byte[] archive = initramfs.bytes();
        write(output, "initramfs", manifest, out -> out.write(archive));
        Initramfs more = new Initramfs();
        more.program("bin/busybox", Files.readAllBytes(busybox));
        byte[] moreBytes = more.bytes();
        write(output, "busybox.cpio", manifest, out -> out.write(moreBytes));
        write(output, "boot.plan.txt", manifest, out -> out.write(plan.dump().getBytes(StandardCharsets.UTF_8)));
        // Last: who finds a manifest finds what it names.
        byte[] text = manifest.toString().getBytes(StandardCharsets.UTF_8);
        write(output, "manifest", new StringBuilder(), out -> out.write(text));
    }

    private static byte[] only(Map<String, byte[]> files, String prefix, String suffix) throws ImageException {
        List<byte[]> found = files.entrySet().stream()
                .filter(file ->
                        file.getKey().startsWith(prefix) && file.getKey().endsWith(suffix))
                .map(Map.Entry::getValue)
                .toList();
        if (found.size() != 1) {
            throw new ImageException(
                    "package with " + found.size() + " files " + prefix + "*" + suffix + ": one is expected");
        }
        return found.getFirst();
    }

    private interface Content {
        void writeTo(OutputStream out) throws IOException;
    }

    private static void write(Path directory, String name, StringBuilder manifest, Content content) throws IOException {
        Path temporary = directory.resolve(name + ".new");
        MessageDigest digest;
        try {
            digest = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
        try (OutputStream out =
                new DigestOutputStream(new BufferedOutputStream(Files.newOutputStream(temporary)), digest)) {
            content.writeTo(out);
        }
        Files.move(temporary, directory.resolve(name), StandardCopyOption.REPLACE_EXISTING);
        manifest.append("sha256 ")
                .append(HexFormat.of().formatHex(digest.digest()))
                .append(' ')
                .append(name)
                .append('\n');
    }
}
