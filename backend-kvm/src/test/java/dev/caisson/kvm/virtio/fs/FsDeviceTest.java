package dev.caisson.kvm.virtio.fs;

import static dev.caisson.kvm.virtio.fs.FuseClient.arguments;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.caisson.kvm.guest.CacheMode;
import dev.caisson.kvm.memory.GuestFault;
import dev.caisson.kvm.virtio.fs.FuseClient.Answer;
import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.HostFiles;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/** Requests as a guest's kernel sends them, against files of this host. */
class FsDeviceTest extends FsTest {
    // ---- what there is ----

    @Test
    void versionsAreAgreedOn() throws Exception {
        Answer init = guest.call(FuseAbi.INIT, 1, arguments().int32(7, 37, 1 << 17, -1))
                .ok();
        assertThat(init.body().getInt(0)).isEqualTo(7);
        int flags = init.body().getInt(12);
        assertThat(flags & FuseAbi.INIT_AUTO_INVAL_DATA).isNotZero();
        // Writes that wait in the guest would not be seen by the host.
        assertThat(flags & 1 << 16).as("WRITEBACK_CACHE").isZero();
        Answer newer =
                guest.call(FuseAbi.INIT, 1, arguments().int32(8, 0, 0, 0)).ok();
        assertThat(newer.body().getInt(0)).isEqualTo(7);
        refused(guest.call(FuseAbi.INIT, 1, arguments().int32(7, 12, 0, 0)), Errno.EPROTO);
    }

    @Test
    void theRootHasWhatIsShared() throws Exception {
        share("more", shared, true);
        assertThat(guest.list(1)).containsExactly("data", "more");
        refused(guest.lookUp(1, "other"), Errno.ENOENT);
        refused(guest.call(FuseAbi.MKDIR, 1, arguments().int32(0755, 0).string("x")), Errno.EROFS);
        // Numbers of files are the host's: each share is a file system of its own to the guest.
        assertThat(guest.lookUp(1, "data").ok().body().getInt(ATTR_FLAGS)).isEqualTo(FuseAbi.ATTR_SUBMOUNT);
        assertThatExceptionOfType(ErrnoException.class).isThrownBy(() -> share("more", shared, true));
    }

    @Test
    void whereItIsAskedForNamesAndAttributesAreGoodForASecond() throws Exception {
        Path other = Files.createDirectory(directory.resolve("other"));
        Files.writeString(other.resolve("file"), "x");
        device.share("kept", HostFiles.open(other.toString(), HostFiles.O_PATH, 0), false, CacheMode.AUTO);
        Answer top = guest.lookUp(1, "kept").ok();
        Answer found = guest.lookUp(top.node(), "file").ok();
        for (Answer each : List.of(top, found)) {
            assertThat(each.body().getLong(16))
                    .as("how long the name is good for")
                    .isEqualTo(1);
            assertThat(each.body().getLong(24))
                    .as("how long attributes are good for")
                    .isEqualTo(1);
            assertThat(each.body().getLong(32)).as("nanoseconds of both").isZero();
        }
        Answer attributes = guest.call(
                        FuseAbi.GETATTR, found.node(), arguments().int32(0, 0).int64(0))
                .ok();
        assertThat(attributes.body().getLong(0))
                .as("how long attributes are good for")
                .isEqualTo(1);
    }

    @Test
    void filesAreRead() throws Exception {
        Files.writeString(shared.resolve("file"), "0123456789");
        Files.createDirectory(shared.resolve("below"));
        assertThat(guest.list(root)).containsExactlyInAnyOrder("file", "below");
        Answer found = guest.lookUp(root, "file").ok();
        assertThat(found.body().getLong(16)).as("how long the name is good for").isZero();
        assertThat(found.body().getLong(24))
                .as("how long attributes are good for")
                .isZero();
        assertThat(found.body().getLong(48)).as("size").isEqualTo(10);
        assertThat(found.body().getInt(ATTR_MODE) & 0xf000).isEqualTo(S_IFREG);
        assertThat(found.body().getInt(ATTR_FLAGS)).isZero();
        long node = found.node();
        long handle = guest.open(node, O_RDONLY).handle();
        assertThat(guest.text(guest.read(node, handle, 0, 4))).isEqualTo("0123");
        assertThat(guest.text(guest.read(node, handle, 8, 100))).isEqualTo("89");
        assertThat(guest.text(guest.read(node, handle, 100, 100))).isEmpty();
        refused(guest.write(node, handle, 0, "x"), Errno.EBADF);
    }

    @Test
    void hundredsOfEntriesComeOnceEach() throws Exception {
        List<String> names =
                Stream.iterate(0, i -> i + 1).limit(300).map(i -> "entry-" + i).toList();
        for (String name : names) {
            Files.createFile(shared.resolve(name));
        }
        assertThat(guest.list(root)).containsExactlyInAnyOrderElementsOf(names);
    }

    @Test
    void whatTheHostChangesIsSeenByTheNextRequest() throws Exception {
        Path file = Files.writeString(shared.resolve("file"), "old");
        long node = guest.lookUp(root, "file").node();
        Files.writeString(file, "longer");
        assertThat(guest.call(FuseAbi.GETATTR, node, arguments().int32(0, 0).int64(0))
                        .ok()
                        .body()
                        .getLong(24))
                .isEqualTo(6);
        // As a secret is replaced: another file under the name.
        Files.writeString(shared.resolve("new"), "new");
        Files.move(shared.resolve("new"), file, java.nio.file.StandardCopyOption.REPLACE_EXISTING);
        long other = guest.lookUp(root, "file").node();
        assertThat(other).isNotEqualTo(node);
        assertThat(guest.text(guest.read(other, guest.open(other, O_RDONLY).handle(), 0, 10)))
                .isEqualTo("new");
        Files.delete(file);
        refused(guest.lookUp(root, "file"), Errno.ENOENT);
    }

    /** A host's clock for files stands still for a while: a file that was just changed may change again at the same time. */
    @Test
    void whatIsFreshIsNotKept() throws Exception {
        Path file = Files.writeString(shared.resolve("file"), "x");
        long node = guest.lookUp(root, "file").node();
        Files.setLastModifiedTime(file, FileTime.from(Instant.now().plusSeconds(3600)));
        int first = modifiedNanos(node);
        int second = modifiedNanos(node);
        assertThat(first).isNotEqualTo(second);
        assertThat(modifiedNanos(node)).isNotEqualTo(second);
        Instant before = Instant.parse("2020-01-01T00:00:00.123456789Z");
        Files.setLastModifiedTime(file, FileTime.from(before));
        assertThat(modifiedNanos(node)).isEqualTo(123_456_789);
        assertThat(modifiedNanos(node)).isEqualTo(123_456_789);
    }

    private int modifiedNanos(long node) throws GuestFault {
        return guest.call(FuseAbi.GETATTR, node, arguments().int32(0, 0).int64(0))
                .ok()
                .body()
                .getInt(16 + 52);
    }

    // ---- changes ----

    @Test
    void whatTheGuestMakesIsTheHosts() throws Exception {
        guest.uid = 1234;
        guest.gid = 5678;
        Answer made = guest.create(root, "file", O_RDWR | O_EXCL, 0640);
        long node = made.node();
        long handle = made.body().getLong(FuseAbi.ENTRY);
        assertThat(guest.write(node, handle, 2, "two").ok().body().getInt(0)).isEqualTo(3);
        assertThat(shared.resolve("file")).hasContent("\0\0two");
        assertThat(Files.getAttribute(shared.resolve("file"), "unix:uid")).isEqualTo(1234);
        assertThat(Files.getAttribute(shared.resolve("file"), "unix:gid")).isEqualTo(5678);
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(shared.resolve("file"))))
                .isEqualTo("rw-r-----");
        refused(guest.create(root, "file", O_RDWR | O_EXCL, 0640), Errno.EEXIST);
        assertThat(guest.create(root, "file", O_RDWR, 0640).node()).isEqualTo(node);

        long below = guest.call(FuseAbi.MKDIR, root, arguments().int32(0750, 0).string("below"))
                .node();
        assertThat(Files.getAttribute(shared.resolve("below"), "unix:uid")).isEqualTo(1234);
        guest.call(FuseAbi.RENAME, root, arguments().int64(below).string("file").string("moved"))
                .ok();
        assertThat(shared.resolve("below/moved")).hasContent("\0\0two");
        guest.call(FuseAbi.LINK, root, arguments().int64(node).string("linked")).ok();
        assertThat(Files.getAttribute(shared.resolve("linked"), "unix:nlink")).isEqualTo(2);
        guest.call(FuseAbi.SYMLINK, root, arguments().string("link").string("/etc/passwd"))
                .ok();
        assertThat(Files.readSymbolicLink(shared.resolve("link"))).hasToString("/etc/passwd");
        long link = guest.lookUp(root, "link").node();
        assertThat(guest.text(guest.call(FuseAbi.READLINK, link, arguments()))).isEqualTo("/etc/passwd");
        refused(guest.call(FuseAbi.RMDIR, root, arguments().string("below")), Errno.ENOTEMPTY);
        guest.call(FuseAbi.UNLINK, below, arguments().string("moved")).ok();
        guest.call(FuseAbi.RMDIR, root, arguments().string("below")).ok();
        assertThat(guest.list(root)).containsExactlyInAnyOrder("linked", "link");
        // What is open stays, without a name.
        guest.call(FuseAbi.UNLINK, root, arguments().string("linked")).ok();
        assertThat(guest.text(guest.read(node, handle, 2, 10))).isEqualTo("two");
    }

    @Test
    void renamesKeepTheirFlags() throws Exception {
        Files.writeString(shared.resolve("a"), "a");
        Files.writeString(shared.resolve("b"), "b");
        FuseClient.Arguments keep =
                arguments().int64(root).int32(1, 0).string("a").string("b");
        refused(guest.call(FuseAbi.RENAME2, root, keep), Errno.EEXIST);
        guest.call(
                        FuseAbi.RENAME2,
                        root,
                        arguments().int64(root).int32(2, 0).string("a").string("b"))
                .ok();
        assertThat(shared.resolve("a")).hasContent("b");
        FuseClient.Arguments whiteout =
                arguments().int64(root).int32(4, 0).string("a").string("c");
        refused(guest.call(FuseAbi.RENAME2, root, whiteout), Errno.EINVAL);
    }

    @Test
    void attributesAreChanged() throws Exception {
        Path file = Files.writeString(shared.resolve("file"), "0123456789");
        long node = guest.lookUp(root, "file").node();
        int all = FuseAbi.SETATTR_MODE
                | FuseAbi.SETATTR_UID
                | FuseAbi.SETATTR_GID
                | FuseAbi.SETATTR_SIZE
                | FuseAbi.SETATTR_MTIME;
        Answer set = guest.call(
                        FuseAbi.SETATTR,
                        node,
                        arguments()
                                .int32(all, 0)
                                .int64(0, 4, 0, 0, 1_000_000_000, 0)
                                .int32(0, 500_000_000, 0, 04755, 0, 7, 8, 0))
                .ok();
        assertThat(set.body().getLong(24)).as("size").isEqualTo(4);
        assertThat(file).hasContent("0123");
        assertThat(Files.getLastModifiedTime(file).toMillis()).isEqualTo(1_000_000_000_500L);
        assertThat(Files.getAttribute(file, "unix:uid")).isEqualTo(7);
        assertThat((int) Files.getAttribute(file, "unix:mode") & 07777).isEqualTo(04755);
        // Whoever may not keep it loses set-user-id by writing (inode(7)).
        long handle = guest.open(node, O_WRONLY).handle();
        guest.write(node, handle, 0, "x", FuseAbi.WRITE_KILL_SUIDGID).ok();
        assertThat((int) Files.getAttribute(file, "unix:mode") & 07777).isEqualTo(0755);
        long times = FuseAbi.SETATTR_ATIME;
        refused(
                guest.call(
                        FuseAbi.SETATTR,
                        node,
                        arguments()
                                .int32((int) times, 0)
                                .int64(0, 0, 0, 0, 0, 0)
                                .int32(-1, 0, 0, 0, 0, 0, 0, 0)),
                Errno.EINVAL);
    }

    @Test
    void appendingGoesBehindTheEndThatThereIs() throws Exception {
        Path file = Files.writeString(shared.resolve("log"), "one\n");
        long node = guest.lookUp(root, "log").node();
        long handle = guest.open(node, O_WRONLY | O_APPEND).handle();
        Files.writeString(file, "two\n", StandardOpenOption.APPEND);
        // The guest believes the end to be where it was.
        guest.write(node, handle, 4, "three\n").ok();
        assertThat(file).hasContent("one\ntwo\nthree\n");
        // A page of a mapping belongs where it was.
        guest.write(node, handle, 0, "ONE", FuseAbi.WRITE_CACHE).ok();
        assertThat(file).hasContent("ONE\ntwo\nthree\n");
    }

    @Test
    void aFileAloneIsSharedAsItself() throws Exception {
        Path file = Files.writeString(directory.resolve("hosts"), "old");
        share("hosts", file, false);
        long node = guest.lookUp(1, "hosts").node();
        long handle = guest.open(node, O_WRONLY | O_TRUNC).handle();
        guest.write(node, handle, 0, "new").ok();
        assertThat(file).hasContent("new");
        refused(guest.lookUp(node, "outside"), Errno.ENOTDIR);
    }

    @Test
    void holesAndPlaceAndFileSystems() throws Exception {
        Path file = Files.write(shared.resolve("file"), new byte[1 << 20]);
        long node = guest.lookUp(root, "file").node();
        long handle = guest.open(node, O_RDWR).handle();
        guest.call(
                        FuseAbi.FALLOCATE,
                        node,
                        arguments().int64(handle, 0, 1 << 16).int32(3, 0))
                .ok();
        Answer data = guest.call(
                        FuseAbi.LSEEK, node, arguments().int64(handle, 0).int32(3, 0))
                .ok();
        assertThat(data.body().getLong(0)).isEqualTo(1 << 16);
        refused(
                guest.call(
                        FuseAbi.FALLOCATE,
                        node,
                        arguments().int64(handle, 0, 4096).int32(8, 0)),
                Errno.EOPNOTSUPP);
        Files.writeString(file, "copied");
        Answer made = guest.create(root, "copy", O_RDWR, 0600);
        Answer copied = guest.call(
                        FuseAbi.COPY_FILE_RANGE,
                        node,
                        arguments().int64(handle, 0, made.node(), made.body().getLong(FuseAbi.ENTRY), 0, 100, 0))
                .ok();
        assertThat(copied.body().getInt(0)).isEqualTo(6);
        assertThat(shared.resolve("copy")).hasContent("copied");
        Answer space = guest.call(FuseAbi.STATFS, node, arguments()).ok();
        assertThat(space.body().getLong(0) * space.body().getInt(48))
                .isEqualTo(Files.getFileStore(file).getTotalSpace());
        guest.call(FuseAbi.FSYNC, node, arguments().int64(handle).int32(0, 0)).ok();
        guest.call(FuseAbi.SYNCFS, root, arguments().int64(0)).ok();
        guest.call(FuseAbi.SYNCFS, 1, arguments().int64(0)).ok();
    }

    @Test
    void extendedAttributesOfUsersAreShared() throws Exception {
        Path file = Files.createFile(shared.resolve("file"));
        try {
            Files.setAttribute(file, "user:host", "h".getBytes(StandardCharsets.US_ASCII));
        } catch (java.nio.file.FileSystemException e) {
            Assumptions.abort("SKIPPED: a file system with user attributes is needed at " + directory);
        }
        long node = guest.lookUp(root, "file").node();
        guest.call(
                        FuseAbi.SETXATTR,
                        node,
                        arguments().int32(5, 0).string("user.guest").raw("value".getBytes(StandardCharsets.US_ASCII)))
                .ok();
        assertThat((byte[]) Files.getAttribute(file, "user:guest"))
                .isEqualTo("value".getBytes(StandardCharsets.US_ASCII));
        assertThat(guest.text(guest.call(
                        FuseAbi.GETXATTR, node, arguments().int32(100, 0).string("user.host"))))
                .isEqualTo("h");
        Answer size = guest.call(FuseAbi.GETXATTR, node, arguments().int32(0, 0).string("user.guest"))
                .ok();
        assertThat(size.body().getInt(0)).isEqualTo(5);
        refused(guest.call(FuseAbi.GETXATTR, node, arguments().int32(2, 0).string("user.guest")), Errno.ERANGE);
        assertThat(guest.text(guest.call(FuseAbi.LISTXATTR, node, arguments().int32(100, 0))))
                .contains("user.host\0")
                .contains("user.guest\0");
        guest.call(FuseAbi.REMOVEXATTR, node, arguments().string("user.guest")).ok();
        refused(guest.call(FuseAbi.GETXATTR, node, arguments().int32(9, 0).string("user.guest")), Errno.ENODATA);
        // The host's own.
        refused(
                guest.call(
                        FuseAbi.SETXATTR,
                        node,
                        arguments().int32(1, 0).string("trusted.x").raw(new byte[1])),
                Errno.EOPNOTSUPP);
        refused(
                guest.call(
                        FuseAbi.SETXATTR,
                        node,
                        arguments().int32(1, 0).string("security.selinux").raw(new byte[1])),
                Errno.EOPNOTSUPP);
    }

    // ---- locks ----

    @Test
    void locksHoldAgainstTheHost() throws Exception {
        Path file = Files.writeString(shared.resolve("file"), "x");
        long node = guest.lookUp(root, "file").node();
        long handle = guest.open(node, O_RDWR).handle();
        guest.call(FuseAbi.SETLK, node, lock(handle, 1, 1, 0)).ok();
        // Another process of the guest's, and one of the host's.
        refused(guest.call(FuseAbi.SETLK, node, lock(handle, 2, 0, 0)), Errno.EAGAIN);
        assertThat(guest.call(FuseAbi.GETLK, node, lock(handle, 2, 0, 0))
                        .ok()
                        .body()
                        .getInt(16))
                .isEqualTo(1);
        assertThat(guest.call(FuseAbi.GETLK, node, lock(handle, 1, 0, 0))
                        .ok()
                        .body()
                        .getInt(16))
                .as("its own lock is in nobody's way")
                .isEqualTo(2);
        try (FileChannel host = FileChannel.open(file, StandardOpenOption.WRITE)) {
            assertThat(host.tryLock()).isNull();
            // A process that closes the file loses its locks (fcntl(2)).
            guest.call(
                            FuseAbi.FLUSH,
                            node,
                            arguments().int64(handle).int32(0, 0).int64(1))
                    .ok();
            FileLock held = host.tryLock();
            assertThat(held).isNotNull();
            FuseClient.Begun waiting = guest.begin(FuseAbi.SETLKW, node, lock(handle, 1, 1, 0), 64);
            Thread.sleep(50);
            assertThat(guest.driver.completed(FuseClient.REQUESTS))
                    .as("it waits")
                    .isEmpty();
            held.release();
            var _ = guest.await();
            guest.answer(waiting).ok();
            assertThat(host.tryLock()).isNull();
        }
    }

    @Test
    void wholeFilesAreLockedForTheOpenFile() throws Exception {
        Files.writeString(shared.resolve("file"), "x");
        long node = guest.lookUp(root, "file").node();
        long handle = guest.open(node, O_RDWR).handle();
        long other = guest.open(node, O_RDWR).handle();
        guest.call(FuseAbi.SETLK, node, lock(handle, 1, 1, FuseAbi.LK_FLOCK)).ok();
        refused(guest.call(FuseAbi.SETLK, node, lock(other, 1, 0, FuseAbi.LK_FLOCK)), Errno.EAGAIN);
        guest.call(FuseAbi.RELEASE, node, arguments().int64(handle).int32(0, 0).int64(0))
                .ok();
        guest.call(FuseAbi.SETLK, node, lock(other, 1, 0, FuseAbi.LK_FLOCK)).ok();
    }
}
