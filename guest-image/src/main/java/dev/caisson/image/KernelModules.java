package dev.caisson.image;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** Modules of a kernel, by what they say that they need (the {@code depends=} of their .modinfo). */
final class KernelModules {
    private static final byte[] DEPENDS = "\0depends=".getBytes(StandardCharsets.US_ASCII);

    private final Map<String, byte[]> byName = new TreeMap<>();
    private final Set<String> builtIn;

    /**
     * @param files modules by path
     * @param builtIn the kernel's {@code modules.builtin}: a path a line
     */
    KernelModules(Map<String, byte[]> files, String builtIn) {
        files.forEach((path, bytes) -> byName.put(name(path), bytes));
        this.builtIn = builtIn.lines().map(KernelModules::name).collect(java.util.stream.Collectors.toSet());
    }

    /** Dashes and underscores are the same in a module's name. */
    static String name(String path) {
        return path.substring(path.lastIndexOf('/') + 1)
                .replaceFirst("\\.ko$", "")
                .replace('-', '_');
    }

    /**
     * The wanted modules and those that they need, each behind what it needs; what the kernel has built in is left out.
     *
     * @throws ImageException there is no such module
     */
    Map<String, byte[]> inLoadOrder(List<String> wanted) throws ImageException {
        Map<String, byte[]> ordered = new LinkedHashMap<>();
        for (String each : wanted) {
            add(name(each), ordered, new ArrayList<>());
        }
        return ordered;
    }

    private void add(String name, Map<String, byte[]> ordered, List<String> path) throws ImageException {
        if (builtIn.contains(name) || ordered.containsKey(name)) {
            return;
        }
        byte[] module = byName.get(name);
        if (module == null || path.contains(name)) {
            throw new ImageException(
                    "kernel module " + name + (module == null ? " is not in the package" : " needs itself")
                            + (path.isEmpty() ? "" : ", needed by " + path.getLast()));
        }
        path.add(name);
        for (String needed : dependencies(module)) {
            add(name(needed), ordered, path);
        }
        path.removeLast();
        ordered.put(name, module);
    }

    static List<String> dependencies(byte[] module) {
        for (int at = 0; at + DEPENDS.length < module.length; at++) {
            int same = 0;
            while (same < DEPENDS.length && module[at + same] == DEPENDS[same]) {
                same++;
            }
            if (same == DEPENDS.length) {
                int end = at + same;
                while (end < module.length && module[end] != 0) {
                    end++;
                }
                String list = new String(module, at + same, end - at - same, StandardCharsets.US_ASCII);
                return list.isEmpty() ? List.of() : List.of(list.split(",", -1));
            }
        }
        return List.of();
    }
}
