package dev.caisson.backend.testkit;

import dev.caisson.backend.Launcher;

/** A pod's real hands for a test; closing ends them and all they started. */
public interface PodFixture extends AutoCloseable {
    Launcher launcher();

    /** Pid of the process that is parent of the pod's processes. */
    long parentPid();

    @Override
    void close();
}
