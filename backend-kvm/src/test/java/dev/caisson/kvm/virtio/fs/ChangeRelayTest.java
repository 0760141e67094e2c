package dev.caisson.kvm.virtio.fs;

import static dev.caisson.kvm.virtio.fs.FuseClient.arguments;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.kvm.virtio.fs.FuseClient.Answer;
import dev.caisson.kvm.virtio.fs.FuseClient.Begun;
import dev.caisson.linux.Errno;
import dev.caisson.ttrpc.proto.guest.VolumeChange;
import dev.caisson.ttrpc.proto.guest.VolumeChange.Kind;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A guest's relay, as its kernel would ask for what it does, against what other processes do to this host's files. */
class ChangeRelayTest extends FsTest {
    private static final int RELAY = 77;
    private static final int ROOM = 16 << 10;

    private long file;
    private long handle;
    private long next = 1;

    @BeforeEach
    void theRelayReads() throws Exception {
        file = guest.lookUp(1, ".changes").node();
        handle = guest.open(file, O_RDONLY).handle();
    }

    private Begun beginToRead() throws Exception {
        guest.pid = RELAY;
        return guest.begin(
                FuseAbi.READ,
                file,
                arguments().int64(handle, next).int32(ROOM, 0).int64(0).int32(0, 0),
                ROOM);
    }

    private VolumeChange finish(Begun begun) throws Exception {
        assertThat(guest.await()[0]).isEqualTo(begun.head());
        Answer answer = guest.answer(begun).ok();
        byte[] bytes = new byte[answer.body().remaining()];
        answer.body().get(0, bytes);
        VolumeChange change = VolumeChange.parseFrom(bytes);
        next = change.getSequence() + 1;
        return change;
    }

    /** What others do; what this process does is taken for the guest's own. */
    private void host(String script) throws Exception {
        Process process = new ProcessBuilder("sh", "-c", script)
                .directory(shared.toFile())
                .redirectErrorStream(true)
                .start();
        assertThat(process.waitFor())
                .as(new String(process.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8))
                .isZero();
    }

    private VolumeChange afterHost(String script) throws Exception {
        Begun begun = beginToRead();
        host(script);
        return finish(begun);
    }

    private VolumeChange another() throws Exception {
        return finish(beginToRead());
    }

    private List<String> kinds(String script, int count) throws Exception {
        List<String> kinds = new ArrayList<>();
        VolumeChange change = afterHost(script);
        kinds.add(text(change));
        while (kinds.size() < count) {
            kinds.add(text(another()));
        }
        return kinds;
    }

    private static String text(VolumeChange change) {
        String text = change.getKind().name() + " " + change.getDirectory().toStringUtf8() + "/"
                + change.getName().toStringUtf8();
        return change.getKind() == Kind.MOVED
                ? text + " " + change.getToDirectory().toStringUtf8() + "/"
                        + change.getToName().toStringUtf8()
                : text;
    }

    // ---- what is told ----

    @Test
    void everyKindIsTold() throws Exception {
        Files.createDirectory(shared.resolve("d"));
        long _ = guest.lookUp(root, "d").node();
        assertThat(kinds(
                        "mkdir new; echo a >d/f; chmod 600 d/f; mv d/f d/g; mv d/g h; mv h ../away; mv ../away d/i; rm d/i; rmdir new",
                        10))
                .containsExactly(
                        "CREATED data/new",
                        "CREATED data/d/f",
                        "MODIFIED data/d/f",
                        "WRITTEN data/d/f",
                        "ATTRIBUTES_CHANGED data/d/f",
                        "MOVED data/d/f data/d/g",
                        "MOVED data/d/g data/h",
                        "MOVED_AWAY data/h",
                        "MOVED_HERE data/d/i",
                        "REMOVED data/d/i");
        assertThat(text(another())).isEqualTo("REMOVED data/new");
    }

    @Test
    void whatTheGuestDoesItselfIsNotToldAgain() throws Exception {
        Begun begun = beginToRead();
        guest.pid = 1;
        Begun made =
                guest.beside(FuseAbi.MKDIR, root, arguments().int32(0755, 0).string("own"), 4096);
        assertThat(guest.await()[0]).isEqualTo(made.head());
        host("mkdir others");
        assertThat(text(finish(begun))).isEqualTo("CREATED data/others");
        assertThat(shared.resolve("own")).isDirectory();
    }

    @Test
    void aFileThatIsSharedAlone() throws Exception {
        Path one = Files.writeString(directory.resolve("one"), "1");
        share("one", one, false);
        long _ = guest.lookUp(1, "one").node();
        assertThat(kinds("echo 22 >>../one", 2)).containsExactly("MODIFIED /one", "WRITTEN /one");
    }

    @Test
    void oneWhoWaitsForLongIsLetGo() throws Exception {
        Begun begun = beginToRead();
        assertThat(guest.await()[0]).isEqualTo(begun.head());
        assertThat(guest.answer(begun).ok().body().remaining()).isZero();
    }

    @Test
    void oneWhoReadsInThePlaceOfAnotherFreesThatOne() throws Exception {
        Begun first = beginToRead();
        guest.pid = RELAY + 1;
        Begun second = guest.beside(
                FuseAbi.READ,
                file,
                arguments().int64(handle, next).int32(ROOM, 0).int64(0).int32(0, 0),
                ROOM);
        assertThat(guest.await()[0]).isEqualTo(first.head());
        host("mkdir d");
        assertThat(text(finish(second))).isEqualTo("CREATED data/d");
    }

    /** While nobody reads, the kernel keeps one of what is the same. */
    @Test
    void whoWritesAllTheTimeIsToldOfOnce() throws Exception {
        Files.createFile(shared.resolve("f"));
        assertThat(text(afterHost("mkdir a"))).isEqualTo("CREATED data/a");
        host("for i in $(seq 2000); do echo $i >>f; done; mkdir b");
        assertThat(text(another())).isEqualTo("MODIFIED data/f");
        assertThat(text(another())).isEqualTo("WRITTEN data/f");
        assertThat(text(another())).isEqualTo("CREATED data/b");
    }

    @Test
    void whatIsNotWantedAnyMoreIsPassedOver() throws Exception {
        VolumeChange first = afterHost("mkdir a");
        host("mkdir b c");
        long newest = first.getSequence() + 2;
        next = newest;
        assertThat(text(another())).isEqualTo("CREATED data/c");
    }

    // ---- doing it once more ----

    private Answer relays(int opcode, long node, FuseClient.Arguments arguments) throws Exception {
        guest.pid = RELAY;
        return guest.call(opcode, node, arguments);
    }

    private Answer others(int opcode, long node, FuseClient.Arguments arguments) throws Exception {
        guest.pid = 1;
        return guest.call(opcode, node, arguments);
    }

    @Test
    void creating() throws Exception {
        VolumeChange change = afterHost("mkdir d");
        assertThat(change.getType()).isEqualTo(0x4000);
        refused(relays(FuseAbi.LOOKUP, root, arguments().string("d")), Errno.ENOENT);
        long seen = others(FuseAbi.LOOKUP, root, arguments().string("d")).node();
        Answer made = relays(FuseAbi.MKDIR, root, arguments().int32(0700, 0).string("d"))
                .ok();
        assertThat(made.node()).as("the host's own").isEqualTo(seen);
        // It is over with the next look.
        VolumeChange following = afterHost("rmdir d");
        assertThat(following.getKind()).isEqualTo(Kind.REMOVED);
    }

    @Test
    void removing() throws Exception {
        Path victim = Files.createFile(shared.resolve("f"));
        long known = guest.lookUp(root, "f").node();
        assertThat(text(afterHost("rm f"))).isEqualTo("REMOVED data/f");
        assertThat(relays(FuseAbi.LOOKUP, root, arguments().string("f")).node())
                .as("whoever watches it")
                .isEqualTo(known);
        refused(others(FuseAbi.LOOKUP, root, arguments().string("f")), Errno.ENOENT);
        // Somebody has made another one in the meantime: it stays.
        Files.createFile(victim);
        relays(FuseAbi.UNLINK, root, arguments().string("f")).ok();
        assertThat(victim).exists();
    }

    @Test
    void removingWhatTheGuestDidNotKnow() throws Exception {
        Begun begun = beginToRead();
        host("mkdir d; rmdir d");
        assertThat(text(finish(begun))).isEqualTo("CREATED data/d");
        assertThat(text(another())).isEqualTo("REMOVED data/d");
        Answer found = relays(FuseAbi.LOOKUP, root, arguments().string("d")).ok();
        assertThat(found.body().getInt(ATTR_MODE) & 0xf000).isEqualTo(0x4000);
        Answer looked = relays(
                        FuseAbi.GETATTR, found.node(), arguments().int32(0, 0).int64(0))
                .ok();
        assertThat(looked.body().getInt(16 + 60) & 0xf000).isEqualTo(0x4000);
        relays(FuseAbi.RMDIR, root, arguments().string("d")).ok();
        guest.forget(found.node(), 1);
    }

    @Test
    void replacing() throws Exception {
        Files.writeString(shared.resolve("config"), "old");
        Files.writeString(shared.resolve("new"), "new");
        long old = guest.lookUp(root, "config").node();
        long moved = guest.lookUp(root, "new").node();
        assertThat(text(afterHost("mv new config"))).isEqualTo("MOVED data/new data/config");
        assertThat(relays(FuseAbi.LOOKUP, root, arguments().string("new")).node())
                .isEqualTo(moved);
        assertThat(relays(FuseAbi.LOOKUP, root, arguments().string("config")).node())
                .as("whoever watches what is gone")
                .isEqualTo(old);
        relays(FuseAbi.RENAME, root, arguments().int64(root).string("new").string("config"))
                .ok();
        assertThat(shared.resolve("config")).hasContent("new");
        assertThat(others(FuseAbi.LOOKUP, root, arguments().string("config")).node())
                .isEqualTo(moved);
    }

    @Test
    void movingToAndFromElsewhere() throws Exception {
        Files.createFile(shared.resolve("f"));
        long known = guest.lookUp(root, "f").node();
        VolumeChange away = afterHost("mv f ../f");
        assertThat(away.getKind()).isEqualTo(Kind.MOVED_AWAY);
        String name = away.getElsewhere().toStringUtf8();
        refused(others(FuseAbi.LOOKUP, root, arguments().string(name)), Errno.ENOENT);
        long elsewhere = relays(FuseAbi.LOOKUP, root, arguments().string(name)).node();
        assertThat(relays(FuseAbi.LOOKUP, root, arguments().string("f")).node()).isEqualTo(known);
        refused(relays(FuseAbi.LOOKUP, elsewhere, arguments().string("f")), Errno.ENOENT);
        relays(
                        FuseAbi.RENAME2,
                        root,
                        arguments().int64(elsewhere).int32(0, 0).string("f").string("f"))
                .ok();
        VolumeChange here = afterHost("mv ../f g");
        assertThat(here.getKind()).isEqualTo(Kind.MOVED_HERE);
        long from = relays(FuseAbi.LOOKUP, root, arguments().string(name)).node();
        refused(relays(FuseAbi.LOOKUP, root, arguments().string("g")), Errno.ENOENT);
        assertThat(relays(FuseAbi.LOOKUP, from, arguments().string("g")).node()).isEqualTo(known);
        relays(
                        FuseAbi.RENAME2,
                        from,
                        arguments().int64(root).int32(0, 0).string("g").string("g"))
                .ok();
        assertThat(shared.resolve("g")).exists();
        assertThat(directory.resolve("f")).doesNotExist();
    }

    @Test
    void contentsAndAttributes() throws Exception {
        Path path = Files.writeString(shared.resolve("f"), "1");
        long node = guest.lookUp(root, "f").node();
        VolumeChange change = afterHost("touch -d '2001-02-03' f; echo 22 >>f");
        assertThat(change.getKind()).isIn(Kind.ATTRIBUTES_CHANGED, Kind.MODIFIED);
        var before = Files.getLastModifiedTime(path);
        Answer set = relays(
                        FuseAbi.SETATTR,
                        node,
                        arguments()
                                .int32(FuseAbi.SETATTR_SIZE | FuseAbi.SETATTR_MTIME | FuseAbi.SETATTR_MTIME_NOW, 0)
                                .int64(0, 0, 0, 0, 0, 0)
                                .int32(0, 0, 0, 0, 0, 0, 0, 0))
                .ok();
        assertThat(set.body().getLong(16 + 8)).as("size").isEqualTo(Files.size(path));
        assertThat(Files.getLastModifiedTime(path)).isEqualTo(before);
    }

    @Test
    void opening() throws Exception {
        Files.writeString(shared.resolve("f"), "1");
        long node = guest.lookUp(root, "f").node();
        VolumeChange change = afterHost("echo 22 >>f");
        while (change.getKind() != Kind.WRITTEN) {
            change = another();
        }
        long none = relays(FuseAbi.OPEN, node, arguments().int32(O_WRONLY, 0)).handle();
        FuseClient.Arguments aByte =
                arguments().int64(none, 0).int32(1, 0).int64(0).int32(0, 0).raw(new byte[1]);
        refused(relays(FuseAbi.WRITE, node, aByte), Errno.EPERM);
        refused(others(FuseAbi.WRITE, node, aByte), Errno.EBADF);
        relays(FuseAbi.FLUSH, node, arguments().int64(none).int32(0, 0).int64(0))
                .ok();
        others(FuseAbi.RELEASE, node, arguments().int64(none).int32(0, 0).int64(0))
                .ok();
        assertThat(shared.resolve("f")).hasContent("122\n");
    }

    /** Whatever the relay asks for, nothing of the host's is changed by it. */
    @Test
    void theRelayChangesNothing() throws Exception {
        Files.writeString(shared.resolve("f"), "1");
        Files.createDirectory(shared.resolve("d"));
        long node = guest.lookUp(root, "f").node();
        afterHost("mkdir other; rmdir other");
        refused(relays(FuseAbi.UNLINK, root, arguments().string("f")), Errno.EPERM);
        refused(relays(FuseAbi.RMDIR, root, arguments().string("d")), Errno.EPERM);
        refused(relays(FuseAbi.RENAME, root, arguments().int64(root).string("f").string("g")), Errno.EPERM);
        refused(relays(FuseAbi.MKDIR, node, arguments().int32(0700, 0).string("x")), Errno.EPERM);
        refused(
                relays(
                        FuseAbi.CREATE,
                        root,
                        arguments().int32(O_RDWR, 0600, 0, 0).string("x")),
                Errno.EPERM);
        refused(relays(FuseAbi.LINK, root, arguments().int64(node).string("x")), Errno.EPERM);
        refused(relays(FuseAbi.SYMLINK, node, arguments().string("x").string("y")), Errno.EPERM);
        refused(relays(FuseAbi.OPEN, node, arguments().int32(O_RDWR, 0)), Errno.EPERM);
        refused(
                relays(
                        FuseAbi.SETXATTR,
                        node,
                        arguments().int32(1, 0).string("user.x").raw(new byte[1])),
                Errno.EPERM);
        assertThat(guest.list(root)).containsExactlyInAnyOrder("f", "d");
        assertThat(shared.resolve("f")).hasContent("1");
    }

    @Test
    void theFileIsOnlyInTheRoot() throws Exception {
        refused(guest.lookUp(root, ".changes"), Errno.ENOENT);
        assertThat(guest.list(1)).containsExactly("data");
        refused(guest.open(file + 2, O_RDONLY), Errno.ESTALE);
    }
}
