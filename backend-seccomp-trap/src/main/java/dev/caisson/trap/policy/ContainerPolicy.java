package dev.caisson.trap.policy;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** A container's policy, if it has one, and who records. Costs one read of a field where there is neither. Thread-safe. */
public final class ContainerPolicy {
    private static final int MOST_REFUSALS = 1000;

    private final Recorders recorders = new Recorders();
    private final Set<String> refusals = ConcurrentHashMap.newKeySet();
    private volatile @Nullable Policy enforced;
    private volatile @Nullable Policy first;
    private volatile String launcher = "";
    private volatile boolean isActive;

    public Recorders recorders() {
        return recorders;
    }

    /** From now on; null for none. */
    public synchronized void enforce(@Nullable Policy policy) {
        first = null;
        enforced = policy;
        refusals.clear();
        update();
    }

    /** From the first call of the container's own program on: what is done before it is the launch's. */
    public synchronized void enforceOnProgram(Policy policy) {
        first = policy;
    }

    /** The file that the container's first process runs while it is launched. */
    public void launchedBy(String file) {
        launcher = file;
    }

    /** Whether {@link #callOf} is to be told of each call. */
    public boolean awaitsProgram() {
        return first != null;
    }

    /** A process that runs a file makes a call. */
    public synchronized void callOf(String file) {
        Policy policy = first;
        if (policy != null && !file.equals(launcher)) {
            enforce(policy);
        }
    }

    /** After a recorder came or went. */
    public void update() {
        isActive = enforced != null || recorders.areThere();
    }

    /** Whether somebody wants to know what calls name. */
    public boolean isActive() {
        return isActive;
    }

    /** Notes that something is asked for, and says whether it may be. */
    public boolean allows(Subject subject, String name, String call, int pid) {
        if (recorders.areThere()) {
            recorders.note(subject, name);
        }
        Policy policy = enforced;
        if (policy == null || policy.allows(subject, name)) {
            return true;
        }
        // Each once: a program that tries again and again shall not fill the disk.
        String what = call + " refused by the policy: no line " + subject.word() + " " + name;
        if (refusals.size() < MOST_REFUSALS && refusals.add(what)) {
            System.err.println("process " + pid + " of a container: " + what);
        }
        return false;
    }
}
