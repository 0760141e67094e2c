package dev.caisson.agent;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;
import dev.caisson.ttrpc.proto.guest.VolumeChange;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Lets containers hear of what the host does to the files of their volumes, by inotify(7): a thread reads what that was from the volumes' file system and does it
 * once more ({@code dev.caisson.kvm.virtio.fs.ChangeRelay}, {@code VolumeChange} in guest.proto). The file system knows its requests by that thread
 * and carries none of them out; this kernel takes them for done, and tells who watches. While nobody watches anything there, nothing is done.
 */
final class VolumeChanges {
    /** Where the volumes' file system is ({@code dev.caisson.image.BootPlan}). */
    private static final String VOLUMES = "/run/volumes";

    private static final String TYPE = "virtiofs";
    private static final String FILE = VOLUMES + "/.changes";
    /** How long a change may stay unheard of by who begins to watch just then, and nobody did before. */
    private static final long NAP_MILLIS = 100;

    // spotless:off
    private static final int S_IFMT   = 0xf000;
    private static final int S_IFDIR  = 0x4000;
    private static final int S_IFREG  = 0x8000;
    private static final int S_IFLNK  = 0xa000;
    private static final int S_IFIFO  = 0x1000;
    private static final int S_IFSOCK = 0xc000;
    private static final int AT_FDCWD = -100;
    private static final int AT_SYMLINK_NOFOLLOW = 0x100;
    private static final int AT_REMOVEDIR = 0x200;
    private static final int AT_EMPTY_PATH = 0x1000;
    private static final int STATX_BASIC_STATS = 0x7ff;
    private static final int RESOLVE_NO_MAGICLINKS = 2;
    private static final int RESOLVE_NO_SYMLINKS = 4;
    private static final int RESOLVE_BENEATH = 8;
    private static final long UTIME_NOW  = 0x3fff_ffff;
    private static final long UTIME_OMIT = 0x3fff_fffe;

    private static final int SYS_CLOSE     = 3;
    private static final int SYS_PREAD64   = 17;
    private static final int SYS_OPENAT    = 257;
    private static final int SYS_MKDIRAT   = 258;
    private static final int SYS_MKNODAT   = 259;
    private static final int SYS_UNLINKAT  = 263;
    private static final int SYS_SYMLINKAT = 266;
    private static final int SYS_UTIMENSAT = 280;
    private static final int SYS_RENAMEAT2 = 316;
    private static final int SYS_STATX     = 332;
    private static final int SYS_OPENAT2   = 437;
    // spotless:on

    private static final int STRING = 4096 + 256;
    private static final int SECOND_STRING = STRING;
    private static final int RESULT = 2 * STRING;
    private static final int MESSAGE = RESULT + 512;
    private static final int MESSAGE_SIZE = 16 << 10;

    private @Nullable Thread thread;

    /** Begins, if it has not yet. Any thread. */
    synchronized void hear() {
        if (thread == null) {
            thread = Thread.ofPlatform().daemon().name("volume-changes").start(() -> {
                try (Relay relay = new Relay()) {
                    relay.run();
                } catch (ErrnoException e) {
                    warn(String.valueOf(e.getMessage()));
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
            });
        }
    }

    /** Begins in the place of an agent that was killed, if that had begun. */
    void hearAgain() {
        try {
            if (InotifyWatches.fileSystems(TYPE).size() > 1) {
                hear();
            }
        } catch (ErrnoException e) {
            warn(String.valueOf(e.getMessage()));
        }
    }

    private static void warn(String message) {
        System.getLogger(VolumeChanges.class.getName())
                .log(System.Logger.Level.WARNING, "containers do not hear of the host's changes: " + message);
    }

    // ---- the thread ----

    /** On the thread that the file system will know. */
    private static final class Relay implements AutoCloseable {
        private final KernelCalls calls = new KernelCalls();
        private final NativeMemory memory = new NativeMemory(MESSAGE + MESSAGE_SIZE);
        private Set<Long> watched = Set.of();
        private long seen;

        void run() throws ErrnoException, InterruptedException {
            int file = (int) check(
                    calls.call(
                            SYS_OPENAT,
                            AT_FDCWD,
                            memory.address(string(0, ByteString.copyFromUtf8(FILE))),
                            HostFiles.O_RDONLY | HostFiles.O_CLOEXEC,
                            0),
                    "open");
            int root = (int) check(
                    calls.call(
                            SYS_OPENAT,
                            AT_FDCWD,
                            memory.address(string(0, ByteString.copyFromUtf8(VOLUMES))),
                            HostFiles.O_PATH | HostFiles.O_DIRECTORY | HostFiles.O_CLOEXEC,
                            0),
                    "open");
            long next = 1;
            while (true) {
                int length =
                        (int) check(calls.call(SYS_PREAD64, file, memory.address(MESSAGE), MESSAGE_SIZE, next), "read");
                if (length > 0) {
                    next = take(message(memory.getBytes(MESSAGE, length)), root);
                }
            }
        }

        private static VolumeChange message(byte[] bytes) throws ErrnoException {
            try {
                return VolumeChange.parseFrom(bytes);
            } catch (InvalidProtocolBufferException e) {
                throw new ErrnoException(Errno.EBADMSG, "read", FILE);
            }
        }

        /** Returns which one is next. */
        private long take(VolumeChange change, int root) throws ErrnoException, InterruptedException {
            if (change.getSequence() > seen) {
                // Who began to watch after this has not watched when they happened.
                watched = InotifyWatches.devices();
                watched.retainAll(InotifyWatches.fileSystems(TYPE));
                seen = change.getNewest();
            }
            if (watched.isEmpty()) {
                TimeUnit.MILLISECONDS.sleep(NAP_MILLIS);
                return change.getNewest() + 1;
            }
            int directory = open(root, change.getDirectory());
            if (directory >= 0) {
                if (watched.contains(device(directory))) {
                    again(change, root, directory);
                }
                calls.call(SYS_CLOSE, directory);
            }
            return change.getSequence() + 1;
        }

        /** What becomes of it is of no concern: whatever it was about may be gone, and then there is nothing to be told. */
        private void again(VolumeChange change, int root, int directory) {
            int type = change.getType() & S_IFMT;
            ByteString name = change.getName();
            switch (change.getKind()) {
                case CREATED -> create(directory, name, type);
                case REMOVED -> calls.call(SYS_UNLINKAT, directory, first(name), type == S_IFDIR ? AT_REMOVEDIR : 0);
                case MOVED -> {
                    int to = open(root, change.getToDirectory());
                    if (to >= 0) {
                        rename(directory, name, to, change.getToName());
                        calls.call(SYS_CLOSE, to);
                    }
                }
                case MOVED_AWAY, MOVED_HERE -> {
                    int elsewhere = open(directory, change.getElsewhere());
                    if (elsewhere >= 0) {
                        boolean away = change.getKind() == VolumeChange.Kind.MOVED_AWAY;
                        rename(away ? directory : elsewhere, name, away ? elsewhere : directory, name);
                        calls.call(SYS_CLOSE, elsewhere);
                    }
                }
                // Linux tells of a new time of change alone as of a change, and of both times as of attributes
                // (fsnotify_change()).
                case MODIFIED -> times(directory, name, UTIME_OMIT);
                case ATTRIBUTES_CHANGED -> times(directory, name, UTIME_NOW);
                case WRITTEN -> write(directory, name);
                default -> {}
            }
        }

        private void create(int directory, ByteString name, int type) {
            switch (type) {
                case S_IFDIR -> calls.call(SYS_MKDIRAT, directory, first(name), 0700);
                case S_IFLNK ->
                    calls.call(
                            SYS_SYMLINKAT,
                            memory.address(string(SECOND_STRING, ByteString.copyFromUtf8("."))),
                            directory,
                            first(name));
                case S_IFIFO, S_IFSOCK -> calls.call(SYS_MKNODAT, directory, first(name), type | 0600, 0);
                default -> calls.call(SYS_MKNODAT, directory, first(name), S_IFREG | 0600, 0);
            }
        }

        private void rename(int from, ByteString name, int to, ByteString newName) {
            long second = memory.address(string(SECOND_STRING, newName));
            calls.call(SYS_RENAMEAT2, from, first(name), to, second, 0);
        }

        private void times(int directory, ByteString name, long access) {
            memory.putLong(RESULT, 0);
            memory.putLong(RESULT + 8, access);
            memory.putLong(RESULT + 16, 0);
            memory.putLong(RESULT + 24, UTIME_NOW);
            calls.call(SYS_UTIMENSAT, directory, first(name), memory.address(RESULT), AT_SYMLINK_NOFOLLOW);
        }

        private void write(int directory, ByteString name) {
            long opened = calls.call(
                    SYS_OPENAT,
                    directory,
                    first(name),
                    HostFiles.O_WRONLY
                            | HostFiles.O_NOFOLLOW
                            | HostFiles.O_NONBLOCK
                            | HostFiles.O_CLOEXEC
                            | HostFiles.O_NOCTTY,
                    0);
            if (opened >= 0) {
                calls.call(SYS_CLOSE, opened);
            }
        }

        private long first(ByteString name) {
            return memory.address(string(0, name));
        }

        private int string(int at, ByteString text) {
            if (text.size() >= STRING) {
                throw new IllegalArgumentException("a name of " + text.size() + " bytes");
            }
            memory.putBytes(at, text.toByteArray());
            memory.putByte(at + text.size(), 0);
            return at;
        }

        /** A directory by a way on which nothing may lead out of the volumes; negative when it is not there. */
        private int open(int from, ByteString path) {
            // struct open_how: flags, mode, resolve.
            memory.putLong(RESULT, HostFiles.O_PATH | HostFiles.O_DIRECTORY | HostFiles.O_CLOEXEC);
            memory.putLong(RESULT + 8, 0);
            memory.putLong(RESULT + 16, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
            long path0 = first(path.isEmpty() ? ByteString.copyFromUtf8(".") : path);
            return (int) calls.call(SYS_OPENAT2, from, path0, memory.address(RESULT), 24);
        }

        private long device(int fd) {
            memory.putByte(0, 0);
            calls.call(SYS_STATX, fd, memory.address(), AT_EMPTY_PATH, STATX_BASIC_STATS, memory.address(RESULT));
            // struct statx: stx_dev_major, stx_dev_minor.
            return InotifyWatches.device(memory.getInt(RESULT + 136), memory.getInt(RESULT + 140));
        }

        private static long check(long result, String call) throws ErrnoException {
            if (result < 0) {
                throw new ErrnoException((int) -result, call, FILE);
            }
            return result;
        }

        @Override
        public void close() {
            memory.close();
            calls.close();
        }
    }
}
