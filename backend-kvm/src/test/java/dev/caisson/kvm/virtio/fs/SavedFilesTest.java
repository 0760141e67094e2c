package dev.caisson.kvm.virtio.fs;

import static dev.caisson.kvm.virtio.fs.FuseClient.arguments;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIOException;

import dev.caisson.kvm.Seeds;
import dev.caisson.kvm.memory.GuestMemory;
import dev.caisson.kvm.state.StateFormatException;
import dev.caisson.kvm.state.StateReader;
import dev.caisson.kvm.state.StateWriter;
import dev.caisson.kvm.virtio.fs.FuseClient.Begun;
import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.HostFiles;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A guest that goes on in another machine, where the same names are shared, or what is called so there. */
class SavedFilesTest extends FsTest {
    private static final int F_RDLCK = 0;
    private static final int F_WRLCK = 1;

    private Path other;
    private GuestMemory nextMemory;
    private FsDevice nextDevice;
    private FuseClient next;

    @BeforeEach
    void another() throws Exception {
        other = Files.createDirectory(directory.resolve("other"));
        nextMemory = GuestMemory.allocate(8 << 20);
        nextDevice = new FsDevice("caisson");
        next = FuseClient.of(nextMemory, nextDevice);
    }

    @AfterEach
    void endOfAnother() {
        nextDevice.close();
        nextMemory.close();
    }

    private byte[] saved() throws IOException {
        long end = System.nanoTime() + 10_000_000_000L;
        while (!device.isIdle()) {
            device.settle();
            assertThat(System.nanoTime()).isLessThan(end);
        }
        StateWriter to = new StateWriter();
        device.save(to);
        return to.bytes();
    }

    private void goOn() throws IOException {
        StateReader from = new StateReader(saved());
        nextDevice.restore(from);
        from.end();
    }

    private void shareNext(Path path, boolean readOnly) throws ErrnoException {
        nextDevice.share("data", HostFiles.open(path.toString(), HostFiles.O_PATH, 0), readOnly);
    }

    @Test
    void whatIsOpenIsOpenThere() throws Exception {
        Files.createDirectory(shared.resolve("below"));
        long below = guest.lookUp(root, "below").node();
        var made = guest.create(below, "file", O_RDWR | O_APPEND, 0644);
        long file = made.node();
        long handle = made.body().getLong(FuseAbi.ENTRY);
        guest.write(file, handle, 0, "one ").ok();
        long list = guest.call(FuseAbi.OPENDIR, below, arguments().int32(0, 0)).handle();
        Files.createDirectory(other.resolve("below"));
        Files.writeString(other.resolve("below/file"), "other ");
        goOn();
        refused(next.read(file, handle, 0, 100), Errno.EBADF);
        refused(next.lookUp(root, "below"), Errno.ESTALE);
        shareNext(other, false);
        assertThat(next.text(next.read(file, handle, 0, 100))).isEqualTo("other ");
        next.write(file, handle, 0, "two").ok();
        assertThat(other.resolve("below/file")).hasContent("other two");
        assertThat(shared.resolve("below/file")).hasContent("one ");
        assertThat(next.lookUp(1, "data").node()).isEqualTo(root);
        assertThat(next.lookUp(root, "below").node()).isEqualTo(below);
        assertThat(next.lookUp(below, "file").node()).isEqualTo(file);
        next.call(
                        FuseAbi.READDIR,
                        below,
                        arguments().int64(list, 0).int32(100, 0).int64(0).int32(0, 0))
                .ok();
        assertThat(next.list(below)).containsExactly("file");
        // Numbers of before are not given again.
        Files.createFile(other.resolve("new"));
        long fresh = next.lookUp(root, "new").node();
        assertThat(fresh).isGreaterThan(file);
        assertThat(next.open(fresh, O_RDONLY).handle()).isGreaterThan(list);
        next.call(FuseAbi.RELEASE, file, arguments().int64(handle).int32(0, 0).int64(0))
                .ok();
        next.forget(file, 3);
        refused(next.call(FuseAbi.GETATTR, file, arguments().int32(0, 0).int64(0)), Errno.ESTALE);
    }

    @Test
    void itIsTheNamesOfThatMomentThatCount() throws Exception {
        Files.createDirectory(shared.resolve("old"));
        Files.writeString(shared.resolve("old/file"), "x");
        Files.writeString(shared.resolve("gone"), "x");
        Files.writeString(shared.resolve("host"), "x");
        long old = guest.lookUp(root, "old").node();
        long file = guest.lookUp(old, "file").node();
        long gone = guest.lookUp(root, "gone").node();
        long host = guest.lookUp(root, "host").node();
        long handle = guest.open(file, O_RDONLY).handle();
        guest.call(FuseAbi.RENAME, root, arguments().int64(root).string("old").string("new"))
                .ok();
        Files.delete(shared.resolve("gone"));
        Files.move(shared.resolve("host"), shared.resolve("elsewhere"));
        Files.writeString(shared.resolve("host"), "another one");
        goOn();
        shareNext(shared, false);
        assertThat(next.text(next.read(file, handle, 0, 10))).isEqualTo("x");
        assertThat(next.lookUp(root, "new").node()).isEqualTo(old);
        refused(next.open(gone, O_RDONLY), Errno.ESTALE);
        refused(next.open(host, O_RDONLY), Errno.ESTALE);
        assertThat(next.lookUp(root, "host").node()).isGreaterThan(host);
    }

    @Test
    void whatIsOpenAndHasNoNameIsRefused() throws Exception {
        Files.writeString(shared.resolve("temporary"), "x");
        long file = guest.lookUp(root, "temporary").node();
        long handle = guest.open(file, O_RDWR).handle();
        guest.call(FuseAbi.UNLINK, root, arguments().string("temporary")).ok();
        assertThatIOException().isThrownBy(this::saved).withMessageContaining("temporary");
        guest.call(FuseAbi.RELEASE, file, arguments().int64(handle).int32(0, 0).int64(0))
                .ok();
        assertThat(saved()).isNotEmpty();
    }

    private void refusedToShare(Path path, boolean readOnly, Errno errno, String what) {
        assertThatExceptionOfType(ErrnoException.class)
                .isThrownBy(() -> shareNext(path, readOnly))
                .satisfies(e -> assertThat(e.errno()).isEqualTo(errno))
                .withMessageContaining(what);
        assertThat(nextDevice.counts()).isEqualTo(new FsDevice.Counts(0, 0, 0, 0, 0));
    }

    @Test
    void somethingElseIsNoPlaceToGoOn() throws Exception {
        Files.writeString(shared.resolve("file"), "x");
        long file = guest.lookUp(root, "file").node();
        guest.open(file, O_RDWR).ok();
        goOn();
        refusedToShare(other, false, Errno.ENOENT, "volume data/file");
        refusedToShare(shared, true, Errno.EROFS, "volume data/file");
        refusedToShare(shared.resolve("file"), false, Errno.ENOTDIR, "volume data");
        Files.createDirectory(other.resolve("file"));
        refusedToShare(other, false, Errno.ENOENT, "volume data/file");
        shareNext(shared, false);
        assertThat(next.lookUp(root, "file").node()).isEqualTo(file);
    }

    @Test
    void locksAreHadAgain() throws Exception {
        Path path = Files.writeString(shared.resolve("file"), "0123456789");
        long file = guest.lookUp(root, "file").node();
        long handle = guest.open(file, O_RDWR).handle();
        guest.call(FuseAbi.SETLK, file, lock(handle, 7, F_WRLCK, 0)).ok();
        long second = guest.open(file, O_RDWR).handle();
        guest.call(FuseAbi.SETLK, file, lock(second, 8, F_RDLCK, FuseAbi.LK_FLOCK))
                .ok();
        goOn();
        refusedToShare(shared, false, Errno.EAGAIN, "volume data/file");
        device.unshare("data");
        shareNext(shared, false);
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
            assertThat(channel.tryLock(0, 1, false)).as("of the range").isNull();
            assertThat(new ProcessBuilder("flock", "-n", "-x", path.toString(), "true")
                            .start()
                            .waitFor())
                    .as("of the whole file")
                    .isNotZero();
            next.call(FuseAbi.SETLK, file, lock(handle, 7, F_UNLCK, 0)).ok();
            try (FileLock free = channel.tryLock(0, 1, false)) {
                assertThat(free).isNotNull();
            }
            next.call(FuseAbi.SETLK, file, lock(second, 8, F_UNLCK, FuseAbi.LK_FLOCK))
                    .ok();
            assertThat(new ProcessBuilder("flock", "-n", "-x", path.toString(), "true")
                            .start()
                            .waitFor())
                    .isZero();
        }
    }

    private static final int F_UNLCK = 2;

    @Test
    void whoWaitsForALockStands() throws Exception {
        Path path = Files.writeString(shared.resolve("file"), "0123456789");
        long file = guest.lookUp(root, "file").node();
        long handle = guest.open(file, O_RDWR).handle();
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
            Begun waits;
            try (FileLock lock = channel.lock()) {
                assertThat(lock.isValid()).isTrue();
                waits = guest.begin(FuseAbi.SETLKW, file, lock(handle, 7, F_WRLCK, 0), 4096);
                long end = System.nanoTime() + 10_000_000_000L;
                while (!isRefused()) {
                    assertThat(System.nanoTime()).isLessThan(end);
                }
                assertThatIOException().isThrownBy(() -> device.settle()).withMessageContaining("lock");
            }
            assertThat(guest.await()[0]).isEqualTo(waits.head());
        }
    }

    private boolean isRefused() {
        try {
            device.settle();
            return false;
        } catch (IOException e) {
            return true;
        }
    }

    @Test
    void aReaderOfChangesAsksAgainThere() throws Exception {
        long changes = guest.lookUp(1, ".changes").node();
        long handle = guest.open(changes, O_RDONLY).handle();
        Begun waits = guest.begin(
                FuseAbi.READ,
                changes,
                arguments().int64(handle, 1).int32(4096, 0).int64(0).int32(0, 0),
                4096);
        goOn();
        assertThat(guest.await()[0]).isEqualTo(waits.head());
        assertThat(guest.answer(waits).ok().body().hasRemaining()).isFalse();
        shareNext(shared, false);
        Begun again = next.begin(
                FuseAbi.READ,
                changes,
                arguments().int64(handle, 1).int32(4096, 0).int64(0).int32(0, 0),
                4096);
        int[] answered = {};
        // Who reads hears from a moment after the request on.
        for (int i = 0; answered.length == 0; i++) {
            assertThat(new ProcessBuilder("touch", shared.resolve("made-" + i).toString())
                            .start()
                            .waitFor())
                    .isZero();
            answered = next.driver.completed(FuseClient.REQUESTS);
        }
        assertThat(answered[0]).isEqualTo(again.head());
        assertThat(next.answer(again).ok().body().hasRemaining()).isTrue();
    }

    @Test
    void damageIsAnErrorOrFilesInBounds() throws Exception {
        Files.createDirectory(shared.resolve("below"));
        Files.writeString(shared.resolve("below/file"), "x");
        long below = guest.lookUp(root, "below").node();
        long file = guest.lookUp(below, "file").node();
        long handle = guest.open(file, O_RDWR).handle();
        guest.call(FuseAbi.SETLK, file, lock(handle, 7, F_RDLCK, 0)).ok();
        byte[] state = saved();
        device.unshare("data");
        Seeds.each(random -> {
            try (FsDevice damaged = new FsDevice("caisson")) {
                damaged.restore(new StateReader(Seeds.damaged(random, state)));
                damaged.share("data", HostFiles.open(shared.toString(), HostFiles.O_PATH, 0), false);
                assertThat(damaged.counts().inodes()).isLessThanOrEqualTo(3);
            } catch (StateFormatException e) {
                assertThat(e).hasMessageStartingWith("state of a machine, in ");
            } catch (ErrnoException e) {
                assertThat(e.getMessage()).contains("volume data");
            }
        });
    }
}
