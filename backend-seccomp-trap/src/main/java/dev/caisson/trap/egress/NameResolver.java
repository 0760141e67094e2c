package dev.caisson.trap.egress;

import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;
import dev.caisson.trap.dispatch.Nr;
import java.util.Arrays;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/**
 * Keeps a table of names' addresses: asks the policy's servers, through the container's network, when an address is about to end and when somebody
 * wants to be sure. Runs on a thread that is in the container's network namespace.
 */
final class NameResolver implements Runnable {
    private static final long SECOND = 1_000_000_000L;
    private static final long SHORTEST_SECONDS = 30;
    private static final long LONGEST_SECONDS = 600;
    private static final long AGAIN_SECONDS = 10;
    /** Who asks for sooner than this after the last time gets what is known. */
    private static final long PAUSE_NANOS = SECOND;

    private static final long LONGEST_WAIT_NANOS = 6 * SECOND;
    private static final long ANSWER_MILLIS = 1500;

    private static final int AF_INET = 2;
    private static final int AF_INET6 = 10;
    private static final int SOCK_DGRAM_CLOEXEC = 2 | 0x80000;
    private static final int MSG_DONTWAIT = 0x40;
    private static final int POLLIN = 1;
    private static final int HEADER = 0;
    private static final int VECTOR = 64;
    private static final int ADDRESS = 96;
    private static final int ADDRESS_SIZE = 28;
    private static final int POLL = 128;
    private static final int MESSAGE = 192;
    private static final int MESSAGE_SIZE = 4096;

    private final KernelCalls kernel = new KernelCalls();
    private final EgressPolicy policy;
    private final NameTable table;
    private final long[] due;
    /** Those in which all were asked for. */
    private long rounds;

    private long lastRound = System.nanoTime() - PAUSE_NANOS;
    private boolean isAsked;
    private boolean isClosed;

    NameResolver(EgressPolicy policy, NameTable table) {
        this.policy = policy;
        this.table = table;
        this.due = new long[policy.names().size()];
        Arrays.fill(due, System.nanoTime());
    }

    /** Whether asking again could tell more than is known. */
    synchronized boolean mayTell() {
        return !isClosed && System.nanoTime() - lastRound >= PAUSE_NANOS;
    }

    /** Waits until all names were asked for again. */
    synchronized void ask() throws InterruptedException {
        long before = rounds;
        isAsked = true;
        notifyAll();
        long end = System.nanoTime() + LONGEST_WAIT_NANOS;
        while (rounds == before && !isClosed && System.nanoTime() < end) {
            wait(100);
        }
    }

    synchronized void close() {
        isClosed = true;
        notifyAll();
    }

    @Override
    public void run() {
        try (NativeMemory memory = new NativeMemory(MESSAGE + MESSAGE_SIZE)) {
            boolean all = awaitNext();
            while (!isEnded()) {
                for (int name = 0; name < due.length; name++) {
                    if (all || due[name] - System.nanoTime() <= 0) {
                        due[name] = System.nanoTime() + resolve(memory, name) * SECOND;
                    }
                }
                table.expire(System.nanoTime());
                ended(all);
                all = awaitNext();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            close();
            table.close();
        }
    }

    private synchronized boolean isEnded() {
        return isClosed;
    }

    private synchronized void ended(boolean all) {
        if (all) {
            rounds++;
            lastRound = System.nanoTime();
        }
        notifyAll();
    }

    /** Waits until something is due; true when somebody wants all. */
    private synchronized boolean awaitNext() throws InterruptedException {
        while (!isClosed && !isAsked) {
            long next = Arrays.stream(due).map(d -> d - System.nanoTime()).min().orElse(Long.MAX_VALUE);
            if (next <= 0) {
                break;
            }
            wait(next / 1_000_000 + 1);
        }
        boolean asked = isAsked;
        isAsked = false;
        return asked;
    }

    /** After how many seconds it is to be done again. */
    private long resolve(NativeMemory memory, int name) {
        NameQuery.Answer four = answer(memory, policy.names().get(name), false);
        NameQuery.Answer six = answer(memory, policy.names().get(name), true);
        long next = LONGEST_SECONDS;
        boolean isKnown = false;
        for (NameQuery.Answer answer : new NameQuery.Answer[] {four, six}) {
            if (answer != null && !answer.addresses().isEmpty()) {
                table.learn(name, answer, System.nanoTime());
                next = Math.min(next, answer.seconds());
                isKnown = true;
            }
        }
        return isKnown ? Math.max(SHORTEST_SECONDS, next) : AGAIN_SECONDS;
    }

    private NameQuery.@Nullable Answer answer(NativeMemory memory, String name, boolean isInet6) {
        for (EgressPolicy.Server server : policy.servers()) {
            NameQuery query = new NameQuery(ThreadLocalRandom.current().nextInt(0x10000), name, isInet6);
            long socket = kernel.call(Nr.socket, server.address().is4() ? AF_INET : AF_INET6, SOCK_DGRAM_CLOEXEC, 0);
            NameQuery.Answer answer = socket < 0 ? null : exchange(memory, socket, server, query);
            kernel.call(Nr.close, socket);
            if (answer != null) {
                return answer;
            }
        }
        return null;
    }

    private NameQuery.@Nullable Answer exchange(
            NativeMemory memory, long socket, EgressPolicy.Server server, NameQuery query) {
        byte[] name = address(server);
        byte[] message = query.message();
        memory.putBytes(ADDRESS, name);
        memory.putBytes(MESSAGE, message);
        header(memory, name.length, message.length);
        if (kernel.call(Nr.sendmsg, socket, memory.address(HEADER), 0) != message.length) {
            return null;
        }
        long end = System.nanoTime() + ANSWER_MILLIS * 1_000_000;
        while (true) {
            long millis = (end - System.nanoTime()) / 1_000_000;
            memory.putInt(POLL, (int) socket);
            memory.putInt(POLL + 4, POLLIN);
            if (millis <= 0 || kernel.call(Nr.poll, memory.address(POLL), 1, millis) <= 0) {
                return null;
            }
            header(memory, ADDRESS_SIZE, MESSAGE_SIZE);
            long got = kernel.call(Nr.recvmsg, socket, memory.address(HEADER), MSG_DONTWAIT);
            // From whom it is the kernel says: nobody in the container has the server's address.
            if (got > 0
                    && memory.getInt(HEADER + 8) == name.length
                    && isFrom(memory.getBytes(ADDRESS, name.length), name)) {
                NameQuery.Answer answer = query.read(memory.getBytes(MESSAGE, (int) got));
                if (answer != null) {
                    return answer;
                }
            }
        }
    }

    /** Family, port and address are the same; what is between them differs. */
    private static boolean isFrom(byte[] sender, byte[] server) {
        int at = server.length == ADDRESS_SIZE ? 8 : 4;
        int length = server.length == ADDRESS_SIZE ? 16 : 4;
        return Arrays.equals(sender, 0, 4, server, 0, 4)
                && Arrays.equals(sender, at, at + length, server, at, at + length);
    }

    private static void header(NativeMemory memory, int nameLength, int length) {
        memory.zero(HEADER, ADDRESS - HEADER);
        memory.putLong(HEADER, memory.address(ADDRESS));
        memory.putInt(HEADER + 8, nameLength);
        memory.putLong(HEADER + 16, memory.address(VECTOR));
        memory.putLong(HEADER + 24, 1);
        memory.putLong(VECTOR, memory.address(MESSAGE));
        memory.putLong(VECTOR + 8, length);
    }

    /** struct sockaddr_in or sockaddr_in6. */
    private static byte[] address(EgressPolicy.Server server) {
        boolean four = server.address().is4();
        byte[] bytes = new byte[four ? 16 : ADDRESS_SIZE];
        bytes[0] = (byte) (four ? AF_INET : AF_INET6);
        bytes[2] = (byte) (server.port() >>> 8);
        bytes[3] = (byte) server.port();
        for (int i = 0; i < 16; i++) {
            long half = i < 8 ? server.address().high() : server.address().low();
            byte b = (byte) (half >>> (56 - 8 * (i % 8)));
            if (!four) {
                bytes[8 + i] = b;
            } else if (i >= 12) {
                bytes[4 + i - 12] = b;
            }
        }
        return bytes;
    }
}
