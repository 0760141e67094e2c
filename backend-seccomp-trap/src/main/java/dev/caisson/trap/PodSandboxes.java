package dev.caisson.trap;

import dev.caisson.backend.ContainerFault;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * What containers that are being made agree on, so that all of a pod get the same sandbox process even when the first ones are made at the same
 * time. Thread-safe.
 */
final class PodSandboxes {
    private final Spares spares = new Spares();
    private final Map<Object, Pod> pods = new HashMap<>();

    /** A pod in which containers are being made. */
    final class Pod {
        private final Object key;
        private int users;
        private @Nullable SandboxProcess fresh;

        /** Held while a container is given to a sandbox process: the next one finds that one, or knows that there is none. */
        final ReentrantLock giving = new ReentrantLock();

        private Pod(Object key) {
            this.key = key;
        }

        /** The sandbox process that nobody has given a container yet; there is one now if there was none. */
        synchronized SandboxProcess fresh() throws ContainerFault {
            if (fresh == null || !fresh.isAlive()) {
                fresh = spares.take();
            }
            return fresh;
        }

        /** It has its first container, and is found by that one's guard from now on. */
        synchronized void given() {
            fresh = null;
        }

        /** One container less is being made. A sandbox process that none of them needed is ended. */
        void leave() {
            synchronized (pods) {
                users--;
                if (users > 0) {
                    return;
                }
                pods.remove(key, this);
            }
            synchronized (this) {
                if (fresh != null) {
                    fresh.kill();
                    fresh = null;
                }
            }
        }
    }

    /**
     * A container is about to be made.
     *
     * @param key equal for the containers of a pod
     */
    Pod enter(Object key) {
        synchronized (pods) {
            Pod pod = pods.computeIfAbsent(key, Pod::new);
            pod.users++;
            return pod;
        }
    }
}
