package dev.caisson.kvm.boot;

import dev.caisson.kvm.memory.GuestFault;
import dev.caisson.kvm.memory.GuestMemory;
import dev.caisson.kvm.x86.Layout;
import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Puts kernel and initramfs where they belong. */
public final class GuestLoader {
    private static final long PAGE = 4096;

    private GuestLoader() {}

    /**
     * What was loaded.
     *
     * @param entry physical address of the 64-bit entry
     * @param pvhEntry that of the PVH entry, -1 for none
     * @param initramfsSize 0 for none
     */
    public record Loaded(long entry, long pvhEntry, long initramfs, long initramfsSize) {}

    /**
     * Loads them: the kernel where its segments say, the initramfs at the end of the memory below the hole.
     *
     * @param kernel uncompressed
     * @throws KernelFormatException the kernel is none, or the memory is too small
     */
    public static Loaded load(GuestMemory memory, Path kernel, @Nullable Path initramfs) throws IOException {
        try (BootFile file = BootFile.open(kernel)) {
            ElfKernel elf = ElfKernel.parse(file);
            long end = Layout.KERNEL;
            for (ElfKernel.Segment segment : elf.segments()) {
                if (segment.address() < end) {
                    throw new KernelFormatException("load " + kernel + ": a segment at 0x"
                            + Long.toHexString(segment.address()) + " where other data is");
                }
                end = segment.end();
            }
            long initramfsSize = 0;
            long initramfsAt = 0;
            for (ElfKernel.Segment segment : elf.segments()) {
                file.load(memory, segment.address(), segment.offset(), segment.fileSize());
            }
            if (initramfs != null) {
                try (BootFile archive = BootFile.open(initramfs)) {
                    initramfsSize = archive.size();
                    initramfsAt = memory.lowSize() - initramfsSize & -PAGE;
                    if (initramfsAt < end) {
                        throw new KernelFormatException("load " + initramfs + ": no room behind the kernel");
                    }
                    archive.load(memory, initramfsAt, 0, initramfsSize);
                }
            }
            return new Loaded(elf.entry(), elf.pvhEntry(), initramfsAt, initramfsSize);
        } catch (GuestFault e) {
            throw new KernelFormatException("load " + kernel + ": the guest has " + e.getMessage());
        }
    }
}
