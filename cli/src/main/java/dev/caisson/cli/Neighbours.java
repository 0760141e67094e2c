package dev.caisson.cli;

import dev.caisson.backend.Container;
import dev.caisson.backend.ContainerFault;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/** Containers of this daemon that the command line has not made: containerd's. Thread-safe. */
@FunctionalInterface
public interface Neighbours {
    Neighbours NONE = id -> null;

    /**
     * A running one.
     *
     * @param runs whether it still does
     */
    record Running(Container container, BooleanSupplier runs) {}

    /**
     * Looks for a running one.
     *
     * @param id its id, or a beginning of it that no other has
     * @throws ContainerFault INVALID when several begin so
     */
    @Nullable
    Running find(String id) throws ContainerFault;
}
