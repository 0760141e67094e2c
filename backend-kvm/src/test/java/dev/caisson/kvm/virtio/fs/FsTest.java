package dev.caisson.kvm.virtio.fs;

import static dev.caisson.kvm.virtio.fs.FuseClient.arguments;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.kvm.memory.GuestMemory;
import dev.caisson.kvm.virtio.fs.FuseClient.Answer;
import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.HostFiles;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A guest that has mounted the file system, in which one directory of the host's is shared. */
@Timeout(60)
abstract class FsTest {
    static final int O_RDONLY = 0;
    static final int O_WRONLY = 1;
    static final int O_RDWR = 2;
    static final int O_EXCL = 0x80;
    static final int O_TRUNC = 0x200;
    static final int O_APPEND = 0x400;
    static final int S_IFREG = 0x8000;
    static final int S_IFIFO = 0x1000;
    static final int S_IFCHR = 0x2000;
    static final int ATTR_MODE = FuseAbi.ENTRY - FuseAbi.ATTRIBUTES + 60;
    static final int ATTR_FLAGS = FuseAbi.ENTRY - 4;

    @TempDir
    Path directory;

    Path shared;
    GuestMemory memory;
    FsDevice device;
    FuseClient guest;
    long root;

    @BeforeEach
    final void begin() throws Exception {
        shared = Files.createDirectory(directory.resolve("shared"));
        Files.writeString(directory.resolve("outside"), "not the guest's");
        memory = GuestMemory.allocate(8 << 20);
        device = new FsDevice("caisson");
        share("data", shared, false);
        guest = FuseClient.of(memory, device);
        guest.call(FuseAbi.INIT, 1, arguments().int32(7, 37, 1 << 17, -1)).ok();
        root = guest.lookUp(1, "data").node();
    }

    @AfterEach
    final void end() {
        device.close();
        memory.close();
    }

    final void share(String name, Path path, boolean readOnly) throws ErrnoException {
        device.share(name, HostFiles.open(path.toString(), HostFiles.O_PATH, 0), readOnly);
    }

    static void refused(Answer answer, Errno errno) {
        assertThat(Errno.of(answer.errno())).isEqualTo(errno);
    }

    static FuseClient.Arguments lock(long handle, long owner, int type, int flags) {
        return arguments().int64(handle, owner, 0, Long.MAX_VALUE).int32(type, 42, flags, 0);
    }
}
