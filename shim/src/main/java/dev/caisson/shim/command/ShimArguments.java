package dev.caisson.shim.command;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The shim binary's command line in Go's flag syntax: {@code -x v}, {@code -x=v}, {@code --x}; flags come before the action. Flags
 * that are not known are taken with their value, so that a newer containerd does no harm.
 *
 * @param action start, delete, info, or empty
 */
record ShimArguments(Map<String, String> flags, String action) {
    private static final Set<String> BOOLEAN = Set.of("debug", "v", "version", "info", "h", "help");

    static ShimArguments parse(List<String> args) {
        Map<String, String> flags = new HashMap<>();
        int i = 0;
        while (i < args.size() && args.get(i).startsWith("-") && args.get(i).length() > 1) {
            String name = args.get(i).substring(args.get(i).startsWith("--") ? 2 : 1);
            int eq = name.indexOf('=');
            if (eq >= 0) {
                flags.put(name.substring(0, eq), name.substring(eq + 1));
            } else if (BOOLEAN.contains(name)) {
                flags.put(name, "true");
            } else if (i + 1 < args.size()) {
                flags.put(name, args.get(++i));
            }
            i++;
        }
        String action = i < args.size() ? args.get(i) : flags.containsKey("info") ? "info" : "";
        return new ShimArguments(flags, action);
    }

    String get(String flag) {
        return flags.getOrDefault(flag, "");
    }
}
