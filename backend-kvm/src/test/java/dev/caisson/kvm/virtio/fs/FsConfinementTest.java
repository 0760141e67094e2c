package dev.caisson.kvm.virtio.fs;

import static dev.caisson.kvm.virtio.fs.FuseClient.arguments;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.kvm.guest.CacheMode;
import dev.caisson.kvm.memory.GuestMemory;
import dev.caisson.linux.Errno;
import dev.caisson.linux.HostFiles;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What a guest must not be able to do, whatever it asks for. */
class FsConfinementTest extends FsTest {
    @Test
    void noNameLeadsOutOfAShare() throws Exception {
        for (String name : List.of("..", ".", "", "a/b", "/etc", "../outside", "below/../../outside")) {
            refused(guest.lookUp(root, name), Errno.EINVAL);
            refused(guest.create(root, name, O_RDWR, 0600), Errno.EINVAL);
            refused(guest.call(FuseAbi.UNLINK, root, arguments().string(name)), Errno.EINVAL);
            refused(
                    guest.call(
                            FuseAbi.RENAME,
                            root,
                            arguments().int64(root).string("x").string(name)),
                    Errno.EINVAL);
        }
        refused(guest.lookUp(root, "n".repeat(256)), Errno.ENAMETOOLONG);
        Files.createSymbolicLink(shared.resolve("up"), directory);
        Files.createSymbolicLink(shared.resolve("file"), directory.resolve("outside"));
        long up = guest.lookUp(root, "up").node();
        refused(guest.lookUp(up, "outside"), Errno.ENOTDIR);
        refused(guest.call(FuseAbi.OPENDIR, up, arguments().int32(0, 0)), Errno.ENOTDIR);
        long link = guest.lookUp(root, "file").node();
        refused(guest.open(link, O_RDONLY), Errno.ENXIO);
        refused(guest.create(root, "file", O_RDWR | O_TRUNC, 0600), Errno.ENXIO);
        refused(
                guest.call(
                        FuseAbi.SETATTR,
                        link,
                        arguments()
                                .int32(FuseAbi.SETATTR_SIZE, 0)
                                .int64(0, 0, 0, 0, 0, 0)
                                .int32(0, 0, 0, 0, 0, 0, 0, 0)),
                Errno.EINVAL);
        assertThat(directory.resolve("outside")).hasContent("not the guest's");
    }

    @Test
    void nothingOfAReadOnlyShareIsChanged() throws Exception {
        Files.writeString(shared.resolve("file"), "x");
        Files.createDirectory(shared.resolve("below"));
        share("fixed", shared, true);
        long fixed = guest.lookUp(1, "fixed").node();
        long node = guest.lookUp(fixed, "file").node();
        long handle = guest.open(node, O_RDONLY).handle();
        assertThat(guest.text(guest.read(node, handle, 0, 9))).isEqualTo("x");
        for (int flags : new int[] {O_WRONLY, O_RDWR, O_TRUNC}) {
            refused(guest.open(node, flags), Errno.EROFS);
        }
        refused(guest.create(fixed, "new", O_RDWR, 0600), Errno.EROFS);
        refused(guest.create(fixed, "file", O_RDWR, 0600), Errno.EROFS);
        refused(guest.call(FuseAbi.MKDIR, fixed, arguments().int32(0755, 0).string("d")), Errno.EROFS);
        refused(
                guest.call(
                        FuseAbi.MKNOD,
                        fixed,
                        arguments().int32(S_IFREG, 0, 0, 0).string("n")),
                Errno.EROFS);
        refused(guest.call(FuseAbi.SYMLINK, fixed, arguments().string("l").string("t")), Errno.EROFS);
        refused(guest.call(FuseAbi.UNLINK, fixed, arguments().string("file")), Errno.EROFS);
        refused(guest.call(FuseAbi.RMDIR, fixed, arguments().string("below")), Errno.EROFS);
        refused(
                guest.call(
                        FuseAbi.RENAME,
                        fixed,
                        arguments().int64(fixed).string("file").string("g")),
                Errno.EROFS);
        refused(guest.call(FuseAbi.LINK, fixed, arguments().int64(node).string("l")), Errno.EROFS);
        refused(guest.write(node, handle, 0, "y"), Errno.EBADF);
        refused(
                guest.call(
                        FuseAbi.SETXATTR,
                        node,
                        arguments().int32(1, 0).string("user.x").raw(new byte[1])),
                Errno.EROFS);
        refused(guest.call(FuseAbi.REMOVEXATTR, node, arguments().string("user.x")), Errno.EROFS);
        refused(
                guest.call(
                        FuseAbi.SETATTR,
                        node,
                        arguments()
                                .int32(FuseAbi.SETATTR_MODE, 0)
                                .int64(0, 0, 0, 0, 0, 0)
                                .int32(0, 0, 0, 0777, 0, 0, 0, 0)),
                Errno.EROFS);
        // Of one inode, by the share that may be written: neither a name nor a move from the other one.
        refused(guest.call(FuseAbi.LINK, root, arguments().int64(node).string("l")), Errno.EROFS);
        refused(
                guest.call(
                        FuseAbi.RENAME,
                        fixed,
                        arguments().int64(root).string("file").string("g")),
                Errno.EROFS);
        assertThat(shared.resolve("file")).hasContent("x");
    }

    @Test
    void sharesAreNotMixed() throws Exception {
        Path second = Files.createDirectory(directory.resolve("second"));
        Files.writeString(shared.resolve("file"), "x");
        share("second", second, false);
        long other = guest.lookUp(1, "second").node();
        long node = guest.lookUp(root, "file").node();
        refused(guest.call(FuseAbi.LINK, other, arguments().int64(node).string("l")), Errno.EXDEV);
        refused(
                guest.call(
                        FuseAbi.RENAME,
                        root,
                        arguments().int64(other).string("file").string("g")),
                Errno.EXDEV);
    }

    @Test
    void specialFilesAreNamesOnly() throws Exception {
        HostFiles.mkfifo(shared.resolve("fifo").toString(), 0600);
        long fifo = guest.lookUp(root, "fifo").node();
        refused(guest.open(fifo, O_RDONLY), Errno.ENXIO);
        refused(
                guest.call(
                        FuseAbi.MKNOD,
                        root,
                        arguments().int32(S_IFCHR | 0666, 0x103, 0, 0).string("null")),
                Errno.EPERM);
        assertThat(shared.resolve("null")).doesNotExist();
        guest.call(
                        FuseAbi.MKNOD,
                        root,
                        arguments().int32(S_IFIFO | 0600, 0, 0, 0).string("mine"))
                .ok();
        assertThat((int) Files.getAttribute(shared.resolve("mine"), "unix:mode", LinkOption.NOFOLLOW_LINKS))
                .isEqualTo(S_IFIFO | 0600);
    }

    @Test
    void whatIsNoLongerSharedIsGone() throws Exception {
        Files.writeString(shared.resolve("file"), "x");
        long node = guest.lookUp(root, "file").node();
        long handle = guest.open(node, O_RDWR).handle();
        guest.call(FuseAbi.SETLK, node, lock(handle, 1, 1, 0)).ok();
        device.unshare("data");
        refused(guest.lookUp(1, "data"), Errno.ENOENT);
        refused(guest.lookUp(root, "file"), Errno.ESTALE);
        refused(guest.open(node, O_RDONLY), Errno.ESTALE);
        refused(guest.read(node, handle, 0, 9), Errno.EBADF);
        assertThat(descriptors()).as("open files of the share").isZero();
        device.unshare("data");
    }

    @Test
    void whatIsForgottenIsClosed() throws Exception {
        Files.writeString(shared.resolve("file"), "x");
        long node = guest.lookUp(root, "file").node();
        assertThat(guest.lookUp(root, "file").node()).isEqualTo(node);
        long before = descriptors();
        guest.forget(node, 1);
        assertThat(descriptors()).isEqualTo(before);
        guest.forget(node, 1);
        assertThat(descriptors()).isEqualTo(before - 1);
        refused(guest.open(node, O_RDONLY), Errno.ESTALE);
        // More than it knows, what it never knew, and the root.
        guest.forget(root, -1);
        guest.forget(999, 5);
        guest.forget(1, 5);
        assertThat(guest.lookUp(1, "data").node()).isNotEqualTo(root);
    }

    /** How many descriptors this process has for what is in the shared directory. */
    private long descriptors() throws Exception {
        try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
            return all.filter(fd -> {
                        try {
                            return Files.readSymbolicLink(fd).startsWith(shared);
                        } catch (java.io.IOException e) {
                            return false;
                        }
                    })
                    .count();
        }
    }

    @Test
    void thereIsAnEndToWhatAGuestMayHold() throws Exception {
        try (GuestMemory apart = GuestMemory.allocate(2 << 20);
                FsDevice small = new FsDevice("small", new SharedFiles(5, 3))) {
            small.share("data", HostFiles.open(shared.toString(), HostFiles.O_PATH, 0), false);
            for (int i = 0; i < 5; i++) {
                Files.createFile(shared.resolve("f" + i));
            }
            FuseClient other = FuseClient.of(apart, small);
            long top = other.lookUp(1, "data").node();
            long last = 0;
            for (int i = 0; i < 4; i++) {
                last = other.lookUp(top, "f" + i).node();
            }
            refused(other.lookUp(top, "f4"), Errno.ENFILE);
            assertThat(other.lookUp(top, "f3").node()).isEqualTo(last);
            for (int i = 0; i < 3; i++) {
                other.open(last, O_RDONLY).ok();
            }
            refused(other.open(last, O_RDONLY), Errno.ENFILE);
            other.forget(last, 2);
            other.lookUp(top, "f4").ok();
        }
    }

    /** A guest keeps the names that are good for a while, and with each a number and a descriptor here. */
    @Test
    void namesAreNotKeptWhereThereAreMany() throws Exception {
        try (GuestMemory apart = GuestMemory.allocate(2 << 20);
                FsDevice small = new FsDevice("small", new SharedFiles(8, 3))) {
            small.share("data", HostFiles.open(shared.toString(), HostFiles.O_PATH, 0), false, CacheMode.AUTO);
            Files.createFile(shared.resolve("f"));
            FuseClient other = FuseClient.of(apart, small);
            FuseClient.Answer first = other.lookUp(1, "data").ok();
            assertThat(first.body().getLong(16)).as("the first").isEqualTo(1);
            FuseClient.Answer second = other.lookUp(first.node(), "f").ok();
            assertThat(second.body().getLong(16)).as("a quarter").isZero();
            assertThat(second.body().getLong(24)).as("a quarter").isZero();
            other.forget(second.node(), 1);
            assertThat(other.lookUp(1, "data").ok().body().getLong(16))
                    .as("fewer again")
                    .isEqualTo(1);
        }
    }

    @Test
    void whatIsNotKnownIsSaidToBe() throws Exception {
        for (int opcode : new int[] {34, 36, 37, 39, 40, 44, 48, 51, 999, -1}) {
            refused(guest.call(opcode, root, arguments().int64(0, 0, 0, 0)), Errno.ENOSYS);
        }
        refused(
                guest.call(FuseAbi.LOOKUP, root, arguments().raw("no end".getBytes(StandardCharsets.US_ASCII))),
                Errno.EINVAL);
        refused(guest.call(FuseAbi.OPEN, root, arguments()), Errno.EINVAL);
    }

    @Test
    void aResetForgetsEverything() throws Exception {
        Files.writeString(shared.resolve("file"), "x");
        long node = guest.lookUp(root, "file").node();
        guest.open(node, O_RDWR).ok();
        assertThat(descriptors()).isGreaterThan(2);
        guest.driver.write(0x70, 0);
        assertThat(descriptors()).as("the share itself").isOne();
    }
}
