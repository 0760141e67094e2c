package dev.caisson.kvm.vm;

import dev.caisson.kvm.memory.GuestMemory;
import dev.caisson.kvm.state.StateFormatException;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * A file with a machine in it: a head, its state, and from the next border of pages on its memory, of which what was never touched is a hole.
 *
 * <pre>
 *   magic 0, version 8 (4 bytes), length of the state 12 (4), state 16
 * </pre>
 */
final class MachineFile {
    private static final long MAGIC = 0x314d_4e4f_5353_4943L; // "CISSONM1"
    private static final int VERSION = 1;
    private static final int HEAD = 16;
    private static final int PAGE = 4096;
    /** Devices and eight processors take some 80 KiB; a file of the host's that the guest knows some 50 bytes. */
    private static final int STATE_LIMIT = 32 << 20;

    private static final int SYS_PREAD64 = 17;

    private MachineFile() {}

    /** What is in front of the memory. */
    record Head(byte[] state, long memoryAt) {}

    /** @param file empty and open for writing */
    static void write(Fd file, byte[] state, GuestMemory memory) throws IOException {
        if (state.length > STATE_LIMIT) {
            throw new IOException(
                    "the state of the virtual machine is of " + state.length + " bytes, more than " + STATE_LIMIT);
        }
        int memoryAt = memoryAt(state.length);
        ByteBuffer head = ByteBuffer.allocate(memoryAt).order(ByteOrder.LITTLE_ENDIAN);
        head.putLong(MAGIC).putInt(VERSION).putInt(state.length).put(state);
        HostFiles.writeAll(file, head.array());
        memory.save(file, memoryAt);
    }

    private static int memoryAt(int stateLength) {
        return (HEAD + stateLength + PAGE - 1) / PAGE * PAGE;
    }

    /** @throws StateFormatException it is no such file, or of another version */
    static Head read(Fd file) throws IOException {
        ByteBuffer head = ByteBuffer.wrap(bytes(file, 0, HEAD)).order(ByteOrder.LITTLE_ENDIAN);
        if (head.getLong() != MAGIC) {
            throw new StateFormatException(file.name() + " has no machine in it");
        }
        int version = head.getInt();
        if (version != VERSION) {
            throw new StateFormatException(file.name() + " has a machine of version " + version + ", not " + VERSION);
        }
        int length = head.getInt();
        if (length < 0 || length > STATE_LIMIT) {
            throw new StateFormatException(file.name() + " has a state of " + length + " bytes");
        }
        return new Head(bytes(file, HEAD, length), memoryAt(length));
    }

    private static byte[] bytes(Fd file, long at, int length) throws IOException {
        try (KernelCalls calls = new KernelCalls();
                NativeMemory memory = new NativeMemory(Math.max(length, 1))) {
            for (int done = 0; done < length; ) {
                long got =
                        calls.call(SYS_PREAD64, file.number(), memory.address(done), (long) length - done, at + done);
                if (got < 0) {
                    throw new ErrnoException((int) -got, "read", file.name());
                }
                if (got == 0) {
                    throw new StateFormatException(file.name() + " ends too early");
                }
                done += (int) got;
            }
            return memory.getBytes(0, length);
        }
    }
}
