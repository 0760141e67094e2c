package dev.caisson.kvm.virtio.fs;

import dev.caisson.kvm.memory.GuestFault;
import dev.caisson.kvm.virtio.Chain;
import dev.caisson.linux.Errno;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * A request: its header, and its arguments from the first to the last byte but for what a WRITE writes, which stays in the guest's memory. Read
 * once; nothing in it can change afterwards. One thread.
 */
final class FuseRequest {
    /** The longest arguments: those of SETXATTR, with a value of XATTR_SIZE_MAX and a name. */
    static final int ARGUMENTS_LIMIT = (64 << 10) + 1024;

    private static final int WRITE_ARGUMENTS = 40;
    private static final int NAME_LIMIT = 255;
    private static final int PATH_LIMIT = 4096;

    private final int opcode;
    private final long unique;
    private final long node;
    private final int uid;
    private final int gid;
    private final int pid;
    private final Chain chain;
    private final ByteBuffer arguments;

    private FuseRequest(ByteBuffer header, ByteBuffer arguments, Chain chain) {
        this.opcode = header.getInt(4);
        this.unique = header.getLong(8);
        this.node = header.getLong(16);
        this.uid = header.getInt(24);
        this.gid = header.getInt(28);
        this.pid = header.getInt(32);
        this.arguments = arguments;
        this.chain = chain;
    }

    /**
     * Takes a request.
     *
     * @throws GuestFault it is none
     */
    static FuseRequest read(Chain chain) throws GuestFault {
        byte[] head = new byte[FuseAbi.IN_HEADER];
        chain.read(head, 0, head.length);
        ByteBuffer header = ByteBuffer.wrap(head).order(ByteOrder.LITTLE_ENDIAN);
        long rest = chain.readable();
        if (Integer.toUnsignedLong(header.getInt(0)) != FuseAbi.IN_HEADER + rest) {
            throw new GuestFault("a FUSE request of another length than it says");
        }
        long wanted = header.getInt(4) == FuseAbi.WRITE ? Math.min(rest, WRITE_ARGUMENTS) : rest;
        if (wanted > ARGUMENTS_LIMIT) {
            throw new GuestFault("a FUSE request with " + wanted + " bytes of arguments");
        }
        byte[] arguments = new byte[(int) wanted];
        chain.read(arguments, 0, arguments.length);
        return new FuseRequest(header, ByteBuffer.wrap(arguments).order(ByteOrder.LITTLE_ENDIAN), chain);
    }

    int opcode() {
        return opcode;
    }

    long unique() {
        return unique;
    }

    long node() {
        return node;
    }

    /** Who asks, as the guest's kernel says. */
    int uid() {
        return uid;
    }

    int gid() {
        return gid;
    }

    /** The thread that asks; 0 when the guest's kernel asks for itself. */
    int pid() {
        return pid;
    }

    /** What the request came in, for the bytes that are read or written. */
    Chain chain() {
        return chain;
    }

    // ---- arguments, in their order ----

    private void need(int bytes) throws FuseError {
        if (arguments.remaining() < bytes) {
            throw new FuseError(Errno.EINVAL);
        }
    }

    int getInt() throws FuseError {
        need(Integer.BYTES);
        return arguments.getInt();
    }

    long getLong() throws FuseError {
        need(Long.BYTES);
        return arguments.getLong();
    }

    void skip(int bytes) throws FuseError {
        need(bytes);
        arguments.position(arguments.position() + bytes);
    }

    byte[] bytes(int length) throws FuseError {
        if (length < 0) {
            throw new FuseError(Errno.EINVAL);
        }
        need(length);
        byte[] bytes = new byte[length];
        arguments.get(bytes);
        return bytes;
    }

    /** A string without its NUL. */
    private byte[] string(int limit) throws FuseError {
        int from = arguments.position();
        for (int at = from; at < arguments.limit(); at++) {
            if (arguments.get(at) == 0) {
                arguments.position(at + 1);
                if (at - from > limit) {
                    throw new FuseError(Errno.ENAMETOOLONG);
                }
                byte[] bytes = new byte[at - from];
                arguments.get(from, bytes);
                return bytes;
            }
        }
        throw new FuseError(Errno.EINVAL);
    }

    /** The name of an entry of a directory: one component, and neither {@code .} nor {@code ..}. */
    byte[] name() throws FuseError {
        byte[] name = string(NAME_LIMIT);
        if (isNoName(name)) {
            throw new FuseError(Errno.EINVAL);
        }
        return name;
    }

    /** Whether something in a directory cannot be called that. */
    static boolean isNoName(byte[] name) {
        boolean dots = name.length <= 2;
        for (byte each : name) {
            if (each == '/' || each == 0) {
                return true;
            }
            dots &= each == '.';
        }
        return dots;
    }

    /** As {@link #name}; the next one to ask gets it again. */
    byte[] peekName() throws FuseError {
        int from = arguments.position();
        try {
            return name();
        } finally {
            arguments.position(from);
        }
    }

    /** What a symbolic link says; anything. */
    byte[] target() throws FuseError {
        byte[] target = string(PATH_LIMIT - 1);
        if (target.length == 0) {
            throw new FuseError(Errno.ENOENT);
        }
        return target;
    }

    /** The name of an extended attribute. */
    byte[] attributeName() throws FuseError {
        byte[] name = string(NAME_LIMIT);
        if (name.length == 0) {
            throw new FuseError(Errno.ERANGE);
        }
        return name;
    }
}
