package dev.caisson.linux;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.caisson.linux.cgroup.OomWatcher;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Every call once for real, and its refusals. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class NativeCallsTest {
    @TempDir
    Path directory;

    private String path(String name) {
        return directory.resolve(name).toString();
    }

    @Test
    void aFailureNamesCallSubjectAndErrno() {
        assertThatThrownBy(() -> HostFiles.open("/proc/self/no-such-file", HostFiles.O_RDONLY, 0))
                .isInstanceOfSatisfying(ErrnoException.class, e -> {
                    assertThat(e).hasMessage("open /proc/self/no-such-file: ENOENT");
                    assertThat(e.errno()).isEqualTo(Errno.ENOENT);
                    assertThat(e.number()).isEqualTo(2);
                });
        assertThat(new ErrnoException(4095, "bpf", "")).hasMessage("bpf: errno 4095");
        assertThat(Errno.of(524)).isEqualTo(Errno.ENOTSUPP);
        assertThat(Errno.of(41)).isEqualTo(Errno.UNKNOWN);
        assertThat(Errno.of(0).ok()).isTrue();
    }

    @Test
    void errnoBelongsToTheThreadThatFailed() throws Exception {
        Errno[] seen = new Errno[2];
        Thread[] threads = new Thread[2];
        String file = path("file");
        Files.createFile(Path.of(file));
        for (int i = 0; i < 2; i++) {
            boolean missing = i == 0;
            int slot = i;
            threads[i] = Thread.ofPlatform().start(() -> {
                Errno want = missing ? Errno.ENOENT : Errno.ENOTDIR;
                Errno got = want;
                for (int n = 0; n < 20_000 && got == want; n++) {
                    got = HostFiles.tryRmdir(missing ? "/nowhere/at/all" : file);
                }
                seen[slot] = got;
            });
        }
        for (Thread thread : threads) {
            thread.join();
        }
        assertThat(seen).containsExactly(Errno.ENOENT, Errno.ENOTDIR);
    }

    @Test
    void aDescriptorHasOneOwner() throws Exception {
        Fd fd = HostFiles.open("/dev/null", HostFiles.O_RDONLY, 0);
        assertThat(HostFiles.readlink(fd.procPath())).isEqualTo("/dev/null");
        fd.close();
        fd.close();
        assertThat(fd.isOpen()).isFalse();
        assertThatThrownBy(fd::number)
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("descriptor is closed: /dev/null");

        Fd given = HostFiles.open("/dev/null", HostFiles.O_RDONLY, 0);
        int number = given.release();
        given.close();
        try (Fd again = Fd.adopt(number, "again")) {
            assertThat(HostFiles.readlink(again.procPath())).isEqualTo("/dev/null");
        }
    }

    @Test
    void aNulByteIsRefusedInsteadOfCuttingAPath() {
        assertThatThrownBy(() -> HostFiles.exists("/dev/null\0/etc/passwd"))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void aSealedMemoryFileKeepsItsBytes() throws Exception {
        byte[] content = new byte[3 << 20];
        new SplittableRandom(7).nextBytes(content);
        try (Fd fd = MemFd.sealed("sealed", content)) {
            assertThat(HostFiles.read(fd.procPath(), content.length)).isEqualTo(content);
            assertThat(HostFiles.tryWrite(fd.procPath(), "x")).isEqualTo(Errno.EPERM);
            assertThatThrownBy(() -> HostFiles.open(fd.procPath(), HostFiles.O_RDWR | HostFiles.O_TRUNC, 0))
                    .isInstanceOf(ErrnoException.class)
                    .hasMessageEndingWith("EPERM");
            assertThat(Files.isExecutable(Path.of(fd.procPath()))).isTrue();
        }
    }

    @Test
    void aFileAboveTheLimitIsRefused() throws Exception {
        Files.write(directory.resolve("big"), new byte[100_000]);
        assertThat(HostFiles.read(path("big"), 100_000)).hasSize(100_000);
        assertThatThrownBy(() -> HostFiles.read(path("big"), 99_999)).hasMessageContaining("EFBIG");
    }

    @Test
    void processesAreSignalledByDescriptor() throws Exception {
        Process sleeper = new ProcessBuilder("sleep", "60").start();
        int pid = (int) sleeper.pid();
        long ticks = Processes.startTime(pid).orElseThrow();
        assertThat(ticks).isPositive().isEqualTo(Processes.startTime(pid).orElseThrow());
        assertThat(Processes.setOomScoreAdj(pid, 500)).isEqualTo(Errno.SUCCESS);
        assertThat(HostFiles.text("/proc/" + pid + "/oom_score_adj")).isEqualTo("500\n");
        Processes.setPriority(pid, 5);
        assertThat(Processes.cgroups(pid)).contains(":/");
        try (Fd pidfd = Objects.requireNonNull(PidFds.open(pid))) {
            assertThat(PidFds.sendSignal(pidfd, 0)).isEqualTo(Errno.SUCCESS);
            try (Fd stdin = PidFds.getFd(pidfd, 0)) {
                assertThat(HostFiles.readlink(stdin.procPath())).startsWith("pipe:");
            }
            assertThat(PidFds.sendSignal(pidfd, Processes.SIGKILL)).isEqualTo(Errno.SUCCESS);
            assertThat(sleeper.waitFor()).isEqualTo(128 + 9);
            assertThat(PidFds.sendSignal(pidfd, 0)).isEqualTo(Errno.ESRCH);
        }
        assertThat(PidFds.open(pid)).isNull();
        assertThat(Processes.kill(pid, 0)).isEqualTo(Errno.ESRCH);
        assertThat(Processes.startTime(pid)).isEmpty();
        assertThat(Processes.processorTicks(pid)).isEmpty();
        assertThat(Processes.processorTicks(Processes.pid()).orElseThrow()).isPositive();
        assertThat(Processes.cgroups(pid)).isNull();
        assertThatThrownBy(() -> Processes.kill(-1, 9)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void theNameInAStatFileMayHoldAnything() {
        String tail = " S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20\n";
        assertThat(Processes.startTime("12 (a) b) (c" + ")" + tail)).isEqualTo(4711);
        assertThat(Processes.field("12 (a) b) (c" + ")" + tail, 14)).isEqualTo(11);
        assertThatThrownBy(() -> Processes.field("12 (a) S 1", 14)).hasMessageContaining("fewer than 14 fields");
    }

    @Test
    void identities() {
        assertThat(Processes.pid()).isEqualTo((int) ProcessHandle.current().pid());
        assertThat(Processes.parentPid())
                .isEqualTo((int) ProcessHandle.current().parent().orElseThrow().pid());
        assertThat(Processes.effectiveUid()).isEqualTo(Processes.uid());
    }

    @Test
    void aRootIsNotLeftThroughLinks() throws Exception {
        Path root = Files.createDirectory(directory.resolve("root"));
        Files.createDirectory(root.resolve("etc"));
        Files.writeString(root.resolve("etc/passwd"), "inside");
        Files.createSymbolicLink(root.resolve("absolute"), Path.of("/etc/passwd"));
        Files.createSymbolicLink(root.resolve("dots"), Path.of("../../../../../../../../etc/passwd"));
        Files.createSymbolicLink(root.resolve("gone"), Path.of("/etc/shadow"));
        try (Fd top = HostFiles.open(root.toString(), HostFiles.O_PATH | HostFiles.O_DIRECTORY, 0)) {
            for (String name : List.of("absolute", "dots", "/etc/passwd", "../etc/passwd")) {
                try (Fd fd = HostFiles.openInRoot(top, name, HostFiles.O_RDONLY, 0)) {
                    assertThat(HostFiles.text(fd.procPath())).as(name).isEqualTo("inside");
                }
            }
            assertThatThrownBy(() -> HostFiles.openInRoot(top, "gone", HostFiles.O_RDONLY, 0))
                    .hasMessageStartingWith("openat2 gone in ")
                    .hasMessageEndingWith("ENOENT");
            assertThat(HostFiles.readlink(top, "absolute")).isEqualTo("/etc/passwd");
        } finally {
            // The temp dir's own removal warns about links that lead out of it.
            for (String name : List.of("absolute", "dots", "gone")) {
                Files.delete(root.resolve(name));
            }
        }
    }

    @Test
    void aLockHasOneHolder() throws Exception {
        Fd first = HostFiles.tryLock(path("lock"));
        assertThat(first).isNotNull();
        assertThat(HostFiles.tryLock(path("lock"))).isNull();
        Objects.requireNonNull(first).close();
        Fd second = HostFiles.tryLock(path("lock"));
        assertThat(second).isNotNull();
        Objects.requireNonNull(second).close();
    }

    @Test
    void directoriesFifosOwners() throws Exception {
        assertThat(HostFiles.tryMkdir(path("d"), 0755)).isEqualTo(Errno.SUCCESS);
        assertThat(HostFiles.tryMkdir(path("d"), 0755)).isEqualTo(Errno.EEXIST);
        HostFiles.mkfifo(path("d/fifo"), 0600);
        assertThat(HostFiles.listIfPresent(path("d"))).containsExactly(new HostFiles.Entry("fifo", false));
        assertThat(HostFiles.listIfPresent(path(""))).contains(new HostFiles.Entry("d", true));
        assertThat(HostFiles.listIfPresent(path("none"))).isNull();
        assertThat(HostFiles.tryRmdir(path("d"))).isEqualTo(Errno.ENOTEMPTY);
        assumeTrue(Processes.effectiveUid() == 0, "chown needs root");
        HostFiles.chown(path("d/fifo"), 1234, 4321);
        assertThat(Files.getAttribute(Path.of(path("d/fifo")), "unix:uid")).isEqualTo(1234);
        try (Fd fd = HostFiles.open(path("d"), HostFiles.O_RDONLY, 0)) {
            HostFiles.chown(fd, 77, -1);
        }
        assertThat(Files.getAttribute(Path.of(path("d")), "unix:uid")).isEqualTo(77);
        assertThat(HostFiles.tryUnlink(path("d/fifo"))).isEqualTo(Errno.SUCCESS);
        assertThat(HostFiles.tryRmdir(path("d"))).isEqualTo(Errno.SUCCESS);
        assertThat(HostFiles.tryRmdir(path("d"))).isEqualTo(Errno.ENOENT);
    }

    @Test
    void namesKeepBytesThatAreNoText() throws Exception {
        SplittableRandom random = new SplittableRandom(20261124);
        for (int round = 0; round < 2000; round++) {
            byte[] name = new byte[random.nextInt(1, 40)];
            random.nextBytes(name);
            assertThat(PathBytes.encode(PathBytes.decode(name, 0, name.length)))
                    .as("seed 20261124 round %d: %s", round, Arrays.toString(name))
                    .isEqualTo(name);
        }
        for (String text : List.of("plain", "\u00fc", "\uFFFD", "a\uD83D\uDE00b", "")) {
            byte[] raw = text.getBytes(UTF_8);
            assertThat(PathBytes.decode(raw, 0, raw.length)).isEqualTo(text);
            assertThat(PathBytes.encode(text)).isEqualTo(raw);
        }
        String odd = PathBytes.decode(new byte[] {'a', (byte) 0xff, (byte) 0xc3, 'z'}, 0, 4);
        assertThat(HostFiles.tryMkdir(path("") + "/" + odd, 0700)).isEqualTo(Errno.SUCCESS);
        assertThat(HostFiles.listIfPresent(path(""))).containsExactly(new HostFiles.Entry(odd, true));
        assertThat(HostFiles.tryRmdir(path("") + "/" + odd)).isEqualTo(Errno.SUCCESS);
    }

    @Test
    void eventsReachEpoll() throws Exception {
        Files.createFile(directory.resolve("watched"));
        try (Epoll epoll = Epoll.open("epoll");
                EventFd event = EventFd.open("event");
                Inotify inotify = Inotify.open("inotify")) {
            epoll.add(event.fd(), Epoll.EPOLLIN, Long.MIN_VALUE + 5);
            epoll.add(inotify.fd(), Epoll.EPOLLIN, 9);
            int file = inotify.watch(path("watched"), Inotify.IN_MODIFY);
            int tree = inotify.watch(path(""), Inotify.IN_CREATE);
            assertThat(epoll.await(0)).isEmpty();
            event.signal();
            event.signal();
            assertThat(epoll.await(1000)).containsExactly(Long.MIN_VALUE + 5);
            assertThat(event.take()).isEqualTo(2);
            assertThat(event.take()).isZero();
            HostFiles.write(path("watched"), "x");
            Files.createFile(directory.resolve("new"));
            assertThat(epoll.await(1000)).containsExactly(9);
            assertThat(inotify.read())
                    .containsExactly(
                            new Inotify.Event(file, Inotify.IN_MODIFY, ""),
                            new Inotify.Event(tree, Inotify.IN_CREATE, "new"));
            assertThat(inotify.read()).isEmpty();
            assertThat(inotify.unwatch(file)).isEqualTo(Errno.SUCCESS);
            assertThat(inotify.unwatch(file)).isEqualTo(Errno.EINVAL);
            epoll.remove(event.fd());
            event.signal();
            inotify.read();
            assertThat(epoll.await(0)).isEmpty();
        }
    }

    @Test
    void noDescriptorIsLost() throws Exception {
        everyWayToOpen();
        int before =
                Objects.requireNonNull(HostFiles.listIfPresent("/proc/self/fd")).size();
        for (int i = 0; i < 20; i++) {
            everyWayToOpen();
        }
        // A file that the JVM opens for itself meanwhile is not twenty.
        assertThat(Objects.requireNonNull(HostFiles.listIfPresent("/proc/self/fd"))
                        .size())
                .isLessThan(before + 10);
    }

    private void everyWayToOpen() throws Exception {
        HostFiles.text("/proc/self/stat");
        HostFiles.listIfPresent("/proc/self");
        HostFiles.tryWrite("/proc/self/comm", "");
        assertThatThrownBy(() -> HostFiles.read("/proc/self/status", 3)).isInstanceOf(ErrnoException.class);
        MemFd.sealed("short", new byte[10]).close();
        try (Fd lock = HostFiles.tryLock(path("leak.lock"))) {
            assertThat(lock).isNotNull();
            assertThat(HostFiles.tryLock(path("leak.lock"))).isNull();
            assertThatThrownBy(() ->
                            UnixSockets.sendDescriptor(path("leak.lock"), new byte[1], Objects.requireNonNull(lock)))
                    .hasMessageEndingWith("ECONNREFUSED");
        }
        Epoll.open("epoll").close();
        EventFd.open("event").close();
        Inotify.open("inotify").close();
        OomWatcher.open().close();
        Objects.requireNonNull(PidFds.open(Processes.pid())).close();
    }
}
