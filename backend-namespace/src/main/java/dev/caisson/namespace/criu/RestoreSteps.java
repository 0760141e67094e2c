package dev.caisson.namespace.criu;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.linux.Fd;
import org.jspecify.annotations.Nullable;

/** What has to be done in the middle of a restore: hooks of the namespaces, and keeping the master of the terminal. */
final class RestoreSteps implements CriuSession.Steps, AutoCloseable {
    private final String what;
    private final boolean hasTerminal;
    private final Criu.@Nullable InNamespaces hooks;
    private @Nullable Fd master;

    /**
     * @param hasTerminal whether the configuration says that the container has one
     * @param hooks null for none
     */
    RestoreSteps(String what, boolean hasTerminal, Criu.@Nullable InNamespaces hooks) {
        this.what = what;
        this.hasTerminal = hasTerminal;
        this.hooks = hooks;
    }

    @Override
    public void namespacesMade(int init) throws ContainerFault {
        if (hooks != null) {
            hooks.run(init);
        }
    }

    /** A terminal whose master nobody gets would be hung up at once. */
    @Override
    public void terminal(Fd restored) throws ContainerFault {
        if (hasTerminal && master == null) {
            master = restored;
            return;
        }
        restored.close();
        throw new ContainerFault(
                Kind.INVALID,
                what + ": the image has "
                        + (hasTerminal
                                ? "a second terminal"
                                : "a terminal, and process.terminal is false in config.json"));
    }

    /** Open until this is closed; null when nothing restored has a terminal. */
    @Nullable
    Fd master() {
        return master;
    }

    @Override
    public void close() {
        if (master != null) {
            master.close();
        }
    }
}
