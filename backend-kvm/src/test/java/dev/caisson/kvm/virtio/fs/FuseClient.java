package dev.caisson.kvm.virtio.fs;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.kvm.memory.GuestFault;
import dev.caisson.kvm.memory.GuestMemory;
import dev.caisson.kvm.virtio.DeviceEvents;
import dev.caisson.kvm.virtio.TestDriver;
import dev.caisson.linux.Epoll;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Semaphore;

/** A guest's kernel: sends requests as Linux lays them out, and takes the answers apart. */
final class FuseClient {
    static final int HIGH_PRIORITY = 0;
    static final int REQUESTS = 1;
    private static final long WAIT_NANOS = 10_000_000_000L;

    final TestDriver driver;
    int uid;
    int gid;
    /** The thread that asks. */
    int pid = 1;

    private long unique = 100;

    /** An answer; {@code errno} is 0 for success. */
    record Answer(int errno, ByteBuffer body) {
        Answer ok() {
            assertThat(errno).as("errno").isZero();
            return this;
        }

        /** Of {@code struct fuse_entry_out}. */
        long node() {
            return ok().body.getLong(0);
        }

        /** Of {@code struct fuse_open_out}. */
        long handle() {
            return ok().body.getLong(0);
        }
    }

    /** Arguments, one behind the other. */
    static final class Arguments {
        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

        Arguments int32(int... values) {
            for (int value : values) {
                bytes.writeBytes(ByteBuffer.allocate(4)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putInt(value)
                        .array());
            }
            return this;
        }

        Arguments int64(long... values) {
            for (long value : values) {
                bytes.writeBytes(ByteBuffer.allocate(8)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putLong(value)
                        .array());
            }
            return this;
        }

        Arguments string(String text) {
            bytes.writeBytes(text.getBytes(StandardCharsets.UTF_8));
            bytes.write(0);
            return this;
        }

        Arguments raw(byte[] more) {
            bytes.writeBytes(more);
            return this;
        }

        byte[] array() {
            return bytes.toByteArray();
        }
    }

    static Arguments arguments() {
        return new Arguments();
    }

    static FuseClient of(GuestMemory memory, FsDevice device) {
        TestDriver driver = new TestDriver(memory, device, true);
        device.attach(new DeviceEvents() {
            @Override
            public Watch watch(Fd fd, Action action) {
                return new OneWatch(fd, () -> driver.transport.perform(action));
            }

            @Override
            public void perform(Action action) {
                driver.transport.perform(action);
            }
        });
        return new FuseClient(driver.start());
    }

    /** Waits on a thread of its own, which ends with what it waits for. */
    private static final class OneWatch implements DeviceEvents.Watch {
        private final Semaphore armed = new Semaphore(0);
        private final Epoll epoll;
        private final Fd fd;
        private boolean waitedFor;

        OneWatch(Fd fd, Runnable action) {
            this.fd = fd;
            try {
                epoll = Epoll.open("a test's");
            } catch (ErrnoException e) {
                throw new AssertionError(e);
            }
            Thread.ofPlatform().daemon().start(() -> {
                while (true) {
                    armed.acquireUninterruptibly();
                    try {
                        if (epoll.await(-1).length == 0) {
                            return;
                        }
                    } catch (ErrnoException e) {
                        return;
                    }
                    action.run();
                }
            });
        }

        @Override
        public void arm(boolean readable, boolean writable) throws ErrnoException {
            int events = Epoll.EPOLLIN | Epoll.EPOLLONESHOT;
            if (waitedFor) {
                epoll.modify(fd, events, 1);
            } else {
                epoll.add(fd, events, 1);
                waitedFor = true;
            }
            armed.release();
        }

        @Override
        public void close() {
            epoll.close();
        }
    }

    private FuseClient(TestDriver driver) {
        this.driver = driver;
    }

    byte[] header(int opcode, long node, int length) {
        return ByteBuffer.allocate(FuseAbi.IN_HEADER)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(FuseAbi.IN_HEADER + length)
                .putInt(opcode)
                .putLong(unique++)
                .putLong(node)
                .putInt(uid)
                .putInt(gid)
                .putInt(pid)
                .putInt(0)
                .array();
    }

    Answer call(int opcode, long node, Arguments arguments) throws GuestFault {
        return call(opcode, node, arguments, 4096);
    }

    Answer call(int opcode, long node, Arguments arguments, int room) throws GuestFault {
        Begun begun = begin(opcode, node, arguments, room);
        int[] completed = await();
        assertThat(completed[0]).isEqualTo(begun.head);
        return answer(begun);
    }

    /** A request that was published. */
    record Begun(int head, long unique, TestDriver.Buffer first, TestDriver.Buffer rest) {}

    Begun begin(int opcode, long node, Arguments arguments, int room) throws GuestFault {
        driver.rewind();
        return beside(opcode, node, arguments, room);
    }

    /** Beside others that were not answered yet, whose memory stays theirs. */
    Begun beside(int opcode, long node, Arguments arguments, int room) throws GuestFault {
        byte[] body = arguments.array();
        long number = unique;
        TestDriver.Buffer header = driver.out(header(opcode, node, body.length));
        // Linux has the header, the arguments and the answer's parts in buffers of their own.
        TestDriver.Buffer first = driver.in(FuseAbi.OUT_HEADER);
        TestDriver.Buffer rest = driver.in(room);
        List<TestDriver.Buffer> all = new ArrayList<>(List.of(header));
        if (body.length > 0) {
            all.add(driver.out(body));
        }
        all.add(first);
        all.add(rest);
        int head = driver.addIndirect(REQUESTS, all.toArray(TestDriver.Buffer[]::new));
        driver.notify(REQUESTS);
        return new Begun(head, number, first, rest);
    }

    int[] await() throws GuestFault {
        long end = System.nanoTime() + WAIT_NANOS;
        while (System.nanoTime() < end) {
            int[] completed = driver.completed(REQUESTS);
            if (completed.length > 0) {
                return completed;
            }
            assertThat(driver.transport.isBroken()).as("the device is broken").isFalse();
            Thread.onSpinWait();
        }
        throw new AssertionError("no answer");
    }

    Answer answer(Begun begun) throws GuestFault {
        ByteBuffer head = ByteBuffer.wrap(driver.bytes(begun.first)).order(ByteOrder.LITTLE_ENDIAN);
        assertThat(head.getLong(8)).isEqualTo(begun.unique);
        int length = head.getInt(0) - FuseAbi.OUT_HEADER;
        ByteBuffer body = ByteBuffer.wrap(driver.bytes(begun.rest)).order(ByteOrder.LITTLE_ENDIAN);
        body.limit(length);
        return new Answer(-head.getInt(4), body);
    }

    /** FORGET has no answer. */
    void forget(long node, long count) throws GuestFault {
        driver.rewind();
        driver.add(
                HIGH_PRIORITY,
                driver.out(header(FuseAbi.FORGET, node, 8)),
                driver.out(arguments().int64(count).array()));
        driver.notify(HIGH_PRIORITY);
        long end = System.nanoTime() + WAIT_NANOS;
        while (driver.completed(HIGH_PRIORITY).length == 0) {
            assertThat(System.nanoTime()).isLessThan(end);
        }
    }

    Answer lookUp(long parent, String name) throws GuestFault {
        return call(FuseAbi.LOOKUP, parent, arguments().string(name));
    }

    Answer open(long node, int flags) throws GuestFault {
        return call(FuseAbi.OPEN, node, arguments().int32(flags, 0));
    }

    Answer create(long parent, String name, int flags, int mode) throws GuestFault {
        return call(
                FuseAbi.CREATE, parent, arguments().int32(flags, mode, 022, 0).string(name));
    }

    Answer read(long node, long handle, long offset, int size) throws GuestFault {
        return call(
                FuseAbi.READ,
                node,
                arguments().int64(handle, offset).int32(size, 0).int64(0).int32(0, 0),
                size);
    }

    Answer write(long node, long handle, long offset, String text) throws GuestFault {
        return write(node, handle, offset, text, 0);
    }

    Answer write(long node, long handle, long offset, String text, int flags) throws GuestFault {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        return call(
                FuseAbi.WRITE,
                node,
                arguments()
                        .int64(handle, offset)
                        .int32(bytes.length, flags)
                        .int64(0)
                        .int32(0, 0)
                        .raw(bytes));
    }

    String text(Answer answer) {
        byte[] bytes = new byte[answer.ok().body.remaining()];
        answer.body.get(0, bytes);
        return new String(bytes, StandardCharsets.UTF_8);
    }

    /** Names in a directory, but for the dots. */
    List<String> list(long node) throws GuestFault {
        long handle = call(FuseAbi.OPENDIR, node, arguments().int32(0, 0)).handle();
        List<String> names = new ArrayList<>();
        long offset = 0;
        while (true) {
            // So little that it takes several.
            Answer part = call(
                            FuseAbi.READDIR,
                            node,
                            arguments()
                                    .int64(handle, offset)
                                    .int32(100, 0)
                                    .int64(0)
                                    .int32(0, 0))
                    .ok();
            ByteBuffer body = part.body;
            if (!body.hasRemaining()) {
                call(
                                FuseAbi.RELEASEDIR,
                                node,
                                arguments().int64(handle).int32(0, 0).int64(0))
                        .ok();
                return names;
            }
            while (body.hasRemaining()) {
                int from = body.position();
                offset = body.getLong(from + 8);
                byte[] name = new byte[body.getInt(from + 16)];
                body.get(from + 24, name);
                String text = new String(name, StandardCharsets.UTF_8);
                if (!text.equals(".") && !text.equals("..")) {
                    names.add(text);
                }
                body.position(from + (24 + name.length + 7 & ~7));
            }
        }
    }
}
