package dev.caisson.backend;

import java.util.List;

/**
 * What is left of a container whose init has ended, if nothing of it runs and nothing more is to be done than to remove that.
 *
 * @param directories empty ones that must be there, in the order in which they go
 * @param shared directories that go behind them unless something else is in there
 */
public record Remains(List<String> directories, List<String> shared) {
    public Remains {
        directories = List.copyOf(directories);
        shared = List.copyOf(shared);
    }
}
