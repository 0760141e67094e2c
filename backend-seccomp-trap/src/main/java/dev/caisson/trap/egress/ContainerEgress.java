package dev.caisson.trap.egress;

import dev.caisson.linux.direct.NativeMemory;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** A container's egress policy in the sandbox process: says what is refused, and keeps the addresses of names. Thread-safe. */
public final class ContainerEgress {
    private static final int MOST_REFUSALS = 1000;
    private static final int AF_INET = 2;
    private static final int AF_INET6 = 10;

    private final EgressPolicy policy;
    private final NameTable names;
    private final @Nullable NameResolver resolver;
    private final Set<String> refusals = ConcurrentHashMap.newKeySet();

    /** @param table memory of {@link EgressPolicy#tableSize} that the kernel's programs read; closed with this */
    public ContainerEgress(EgressPolicy policy, NativeMemory table) {
        this.policy = policy;
        this.names = new NameTable(policy, table);
        this.resolver = policy.names().isEmpty() ? null : new NameResolver(policy, names);
    }

    /** What has to run, on a thread in the container's network; null for nothing. */
    public @Nullable Runnable resolver() {
        return resolver;
    }

    /** An address that something is sent to: where. */
    public record Target(InternetAddress address, int port) {
        /** As the log has it. */
        String text() {
            return address.text() + ":" + port;
        }
    }

    /** Of a struct sockaddr; null for what leaves no host, as far as this can be seen from it. */
    public static @Nullable Target target(byte[] a) {
        int family = a.length < 2 ? 0 : (a[0] & 0xff) | (a[1] & 0xff) << 8;
        int port = a.length < 4 ? 0 : (a[2] & 0xff) << 8 | (a[3] & 0xff);
        if (family == AF_INET && a.length >= 8) {
            return new Target(
                    InternetAddress.of4((a[4] & 0xff) << 24 | (a[5] & 0xff) << 16 | (a[6] & 0xff) << 8 | (a[7] & 0xff)),
                    port);
        }
        return family == AF_INET6 && a.length >= 24 ? new Target(InternetAddress.of16(a, 8), port) : null;
    }

    /** Whether this may be sent to, as far as is known. */
    public boolean allows(int protocol, Target target) {
        return policy.allows(protocol, target.address(), target.port())
                || names.allows(protocol, target.address(), target.port());
    }

    /** Whether {@link #learn} could tell more. */
    public boolean mayLearn() {
        return resolver != null && resolver.mayTell();
    }

    /** Waits until names were asked for again. */
    public void learn() throws InterruptedException {
        if (resolver != null) {
            resolver.ask();
        }
    }

    /** Tells the log, once of each. */
    public void refused(Target target, String call, int pid) {
        String what = call + " to " + target.text() + " refused by the egress policy";
        if (refusals.size() < MOST_REFUSALS && refusals.add(what)) {
            System.err.println("process " + pid + " of a container: " + what);
        }
    }

    /** The container has ended. */
    public void close() {
        if (resolver == null) {
            names.close();
        } else {
            resolver.close();
        }
    }
}
