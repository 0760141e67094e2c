package dev.caisson.backend;

import java.nio.file.Path;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * How a container's processes are saved to files, or made again from them (criu(8)). Paths are absolute and those of the process that
 * launches ({@link Launcher#here}).
 *
 * @param images directory of the image
 * @param work directory for CRIU's log and statistics
 * @param parent the image before this one, relative to {@code images}; null for none
 * @param cgroupsMode {@code soft}, {@code full}, {@code strict} or {@code ignore}; null for CRIU's default, soft
 * @param pageServer {@code ADDRESS:PORT} that memory is sent to; null for files
 * @param status file that a zero byte is written to when memory can be asked for ({@link Option#LAZY_PAGES}); null for none
 * @param lsmProfile {@code TYPE:NAME} for restore; null for the one that was saved
 * @param lsmMountContext SELinux context of mounts for restore; null for the one that was saved
 */
public record Checkpoint(
        Path images,
        Path work,
        Set<Option> options,
        @Nullable String parent,
        @Nullable String cgroupsMode,
        @Nullable String pageServer,
        @Nullable String status,
        @Nullable String lsmProfile,
        @Nullable String lsmMountContext) {
    public Checkpoint {
        options = Set.copyOf(options);
    }

    /** What is asked besides. */
    public enum Option {
        /** The processes go on. */
        LEAVE_RUNNING,
        /** Memory only, of processes that go on; another image continues from there. */
        PRE_DUMP,
        TCP_ESTABLISHED,
        TCP_SKIP_IN_FLIGHT,
        TCP_CLOSE,
        /** Open files that have no name any more. */
        LINK_REMAP,
        EXTERNAL_UNIX_SOCKETS,
        SHELL_JOB,
        FILE_LOCKS,
        /** Pages that the parent image has as well are taken out of it. */
        AUTO_DEDUP,
        /**
         * Memory is not in the image: who saves serves it at {@link Checkpoint#pageServer} until all is fetched; who restores lets processes
         * run while a page daemon (criu(8), lazy-pages) fetches.
         */
        LAZY_PAGES,
        /** The network namespace is restored empty. */
        EMPTY_NETWORK
    }

    public boolean is(Option option) {
        return options.contains(option);
    }
}
