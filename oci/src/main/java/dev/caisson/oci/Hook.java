package dev.caisson.oci;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A program run at a point of the container's life (runtime-spec "POSIX-platform Hooks").
 *
 * @param path absolute path of the program
 * @param args argument vector including {@code argv[0]}; empty = the path alone
 * @param env {@code NAME=value} entries; null (absent) and empty differ: with none given, runc and crun pass on an environment of their own
 * @param timeoutSeconds time limit in seconds, null for none
 */
public record Hook(
        String path,
        List<String> args,
        @Nullable List<String> env,
        @Nullable Integer timeoutSeconds) {
    public Hook {
        args = List.copyOf(args);
        env = env == null ? null : List.copyOf(env);
    }
}
