package dev.caisson.tests.support;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.util.List;

/** Takes a private containerd down whatever state the suite left it in; the proof of cleanliness is LeakCheck's. */
final class Teardown {
    private Teardown() {}

    static void run(PrivateContainerd containerd) {
        String tag = containerd.tag();
        containerd.killHard();
        containerd.caissondPid().ifPresent(Teardown::kill);
        // Shims before containers: a monitor that lives would only report its children's deaths to nobody.
        for (int round = 0; round < 20; round++) {
            List<Long> left = HostSnapshot.processesOf(tag);
            if (left.isEmpty()) {
                break;
            }
            left.forEach(Teardown::kill);
            Await.sleep(Duration.ofMillis(50));
        }
        for (String mount : HostSnapshot.mountsOf(tag).reversed()) {
            Command.of("umount", "-l", mount).run();
        }
        for (Path cgroup : HostSnapshot.cgroupsOf(tag).reversed()) {
            cgroup.toFile().delete();
        }
        if (Files.exists(Path.of("/sys/class/net", tag))) {
            Command.of("ip", "link", "del", tag).run();
        }
        remove(containerd.dir());
        remove(containerd.disk());
    }

    private static void kill(long pid) {
        ProcessHandle.of(pid).ifPresent(ProcessHandle::destroyForcibly);
    }

    private static void remove(Path dir) {
        if (!Files.exists(dir)) {
            return; // closed before
        }
        if (System.getProperty("caisson.keep") != null
                || !HostSnapshot.mountsOf(dir.toString()).isEmpty()) {
            System.out.println("kept " + dir);
            return;
        }
        try {
            Files.walkFileTree(dir, new SimpleFileVisitor<>() {
                @Override
                public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                    Files.delete(file);
                    return FileVisitResult.CONTINUE;
                }

                @Override
                public FileVisitResult postVisitDirectory(
                        Path each, @org.jspecify.annotations.Nullable IOException error) throws IOException {
                    Files.delete(each);
                    return FileVisitResult.CONTINUE;
                }
            });
        } catch (IOException e) {
            System.out.println("left behind: " + dir + ": " + e);
        }
    }
}
