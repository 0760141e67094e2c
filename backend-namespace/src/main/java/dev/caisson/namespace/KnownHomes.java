package dev.caisson.namespace;

import dev.caisson.backend.Launch;
import dev.caisson.namespace.plan.KnownHome;
import dev.caisson.oci.ProcessSpec;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Home directories that were read from containers' user databases, the most recently used ones. A plan compares the file before it believes
 * one, so that what stays here of a container that is gone does no harm. Thread-safe.
 */
final class KnownHomes {
    /** An entry has some 200 bytes, the path of its directory apart. */
    private static final int KEPT = 512;

    private record User(int initPid, long uid) {}

    private final Map<User, KnownHome> homes = new LinkedHashMap<>(16, 0.75f, true);

    @Nullable
    KnownHome get(int initPid, long uid) {
        synchronized (homes) {
            return homes.get(new User(initPid, uid));
        }
    }

    /** @param home null when what was known does not hold any more */
    void put(int initPid, long uid, @Nullable KnownHome home) {
        synchronized (homes) {
            User user = new User(initPid, uid);
            if (home == null) {
                homes.remove(user);
                return;
            }
            homes.put(user, home);
            if (homes.size() > KEPT) {
                homes.remove(homes.keySet().iterator().next());
            }
        }
    }

    /** The home directory of a process's user, by the user database that its plan has opened; remembered for the container's next ones. */
    String look(Launch init, Launch launch, long passwdFd, ProcessSpec process) {
        long uid = process.user().uid();
        HomeDirectory home = HomeDirectory.of(launch.pid(), (int) passwdFd, uid);
        put(init.pid(), uid, home.known());
        return home.path();
    }
}
