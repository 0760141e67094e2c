package dev.caisson.namespace.plan;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a container's processes may still do after they have restricted themselves with Landlock (landlock(7)), as the annotation
 * {@value #ANNOTATION} says it. The runtime-spec has no field for it yet; the words are those of setpriv(1).
 *
 * <p>The annotation is a list of entries, separated by semicolons or newlines:
 *
 * <ul>
 *   <li>{@code fs}: nothing on any file system is allowed but what rules allow; implied by a path-beneath rule
 *   <li>{@code path-beneath:ACCESS,...:PATH}: ACCESS is one of {@code execute}, {@code write-file}, ..., or {@code read} or {@code write}
 *       for the usual ones together
 *   <li>{@code net}: no TCP port may be bound or connected to but what rules allow; implied by a net-port rule
 *   <li>{@code net-port:ACCESS,...:PORT}: {@code bind-tcp}, {@code connect-tcp}
 *   <li>{@code scope:WHAT,...}: {@code abstract-unix-socket}, {@code signal}: not beyond the container's restricted processes
 * </ul>
 *
 * @param fs whether file systems are restricted
 * @param net whether TCP ports are restricted
 * @param scoped LANDLOCK_SCOPE_*
 */
public record LandlockPolicy(boolean fs, boolean net, long scoped, List<PathRule> paths, List<PortRule> ports) {
    public static final String ANNOTATION = "dev.caisson.landlock";

    private static final int LONGEST = 64 * 1024;
    private static final int MOST_RULES = 500;

    // spotless:off
    /** include/uapi/linux/landlock.h; the position is the bit. */
    private static final List<String> FS = List.of(
            "execute", "write-file", "read-file", "read-dir", "remove-dir", "remove-file", "make-char", "make-dir", "make-reg", "make-sock",
            "make-fifo", "make-block", "make-sym", "refer", "truncate", "ioctl-dev");
    private static final List<String> NET = List.of("bind-tcp", "connect-tcp");
    private static final List<String> SCOPES = List.of("abstract-unix-socket", "signal");
    /** How many of {@link #FS} a version of the interface knows, from version 1. */
    private static final int[] FS_BITS = {13, 14, 15, 15, 16};
    // spotless:on

    private static final long READ = 1 << 2 | 1 << 3;
    private static final long WRITE =
            1 << 1 | 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 12 | 1 << 13 | 1 << 14;
    /** What makes sense for a file that is no directory (landlock(7)). */
    static final long FILE_ACCESS = 1 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15;

    /** The first version that has network rules, and the one that has scopes. */
    private static final int NET_ABI = 4;

    private static final int SCOPE_ABI = 6;

    /** Access to what lies beneath a path. */
    public record PathRule(long access, String path) {}

    /** Access to a TCP port. */
    public record PortRule(long access, int port) {}

    public LandlockPolicy {
        paths = List.copyOf(paths);
        ports = List.copyOf(ports);
    }

    /** The policy of a container with these annotations; null without one. The text has been {@linkplain #problem checked}. */
    static @Nullable LandlockPolicy of(Map<String, String> annotations) {
        String text = annotations.get(ANNOTATION);
        return text == null ? null : parse(text);
    }

    /**
     * What is wrong with the annotation, or what this kernel cannot do of it; null when all is well.
     *
     * @param abi the kernel's version of the interface, 0 for none
     */
    static @Nullable String problem(Map<String, String> annotations, int abi) {
        String text = annotations.get(ANNOTATION);
        if (text == null) {
            return null;
        }
        LandlockPolicy policy;
        try {
            policy = parse(text);
        } catch (IllegalArgumentException e) {
            return e.getMessage();
        }
        if (abi == 0) {
            return "Landlock is not enabled on this host";
        }
        if (policy.net && abi < NET_ABI) {
            return "this kernel's Landlock (version " + abi + ") has no rules for TCP ports";
        }
        if (policy.scoped != 0 && abi < SCOPE_ABI) {
            return "this kernel's Landlock (version " + abi + ") has no scopes";
        }
        return null;
    }

    /** @throws IllegalArgumentException naming the entry */
    static LandlockPolicy parse(String text) {
        if (text.length() > LONGEST) {
            throw new IllegalArgumentException("longer than " + LONGEST + " characters");
        }
        boolean fs = false;
        boolean net = false;
        long scoped = 0;
        List<PathRule> paths = new ArrayList<>();
        List<PortRule> ports = new ArrayList<>();
        for (String part : text.split("[;\n]", -1)) {
            String entry = part.strip();
            if (entry.isEmpty()) {
                continue;
            }
            String[] fields = entry.split(":", 3);
            if (entry.equals("fs")) {
                fs = true;
            } else if (entry.equals("net")) {
                net = true;
            } else if (fields[0].equals("scope") && fields.length == 2) {
                scoped |= bits(entry, fields[1], SCOPES);
            } else if (fields[0].equals("path-beneath") && fields.length == 3) {
                fs = true;
                paths.add(new PathRule(bits(entry, fields[1], FS), path(entry, fields[2])));
            } else if (fields[0].equals("net-port") && fields.length == 3) {
                net = true;
                ports.add(new PortRule(bits(entry, fields[1], NET), port(entry, fields[2])));
            } else {
                throw wrong(entry, "neither fs, net, scope:, path-beneath:ACCESS:PATH nor net-port:ACCESS:PORT");
            }
            if (paths.size() + ports.size() > MOST_RULES) {
                throw new IllegalArgumentException("more than " + MOST_RULES + " rules");
            }
        }
        if (!fs && !net && scoped == 0) {
            throw new IllegalArgumentException("it restricts nothing");
        }
        return new LandlockPolicy(fs, net, scoped, paths, ports);
    }

    private static IllegalArgumentException wrong(String entry, String why) {
        String shown = entry.length() > 80 ? entry.substring(0, 80) + "..." : entry;
        return new IllegalArgumentException("\"" + shown.replace('\0', '?') + "\": " + why);
    }

    private static long bits(String entry, String names, List<String> known) {
        long bits = 0;
        for (String name : names.split(",", -1)) {
            int bit = known.indexOf(name);
            if (bit >= 0) {
                bits |= 1L << bit;
            } else if (known.equals(FS) && name.equals("read")) {
                bits |= READ;
            } else if (known.equals(FS) && name.equals("write")) {
                bits |= WRITE;
            } else {
                throw wrong(entry, "\"" + name.replace('\0', '?') + "\" is not one of " + String.join(", ", known));
            }
        }
        return bits;
    }

    private static String path(String entry, String path) {
        if (!path.startsWith("/") || path.indexOf('\0') >= 0) {
            throw wrong(entry, "the path is not absolute");
        }
        return path;
    }

    private static int port(String entry, String digits) {
        try {
            int port = Integer.parseInt(digits);
            if (port >= 0 && port <= 65535) {
                return port;
            }
        } catch (NumberFormatException e) {
            throw wrong(entry, "the port is no number");
        }
        throw wrong(entry, "the port is not between 0 and 65535");
    }

    /** All access to file systems that this version of the interface can restrict; 0 where they are not restricted. */
    long handledFs(int abi) {
        return fs ? fsOf(abi) : 0;
    }

    private static long fsOf(int abi) {
        return (1L << FS_BITS[Math.min(Math.max(abi, 1), FS_BITS.length) - 1]) - 1;
    }

    long handledNet() {
        return net ? (1L << NET.size()) - 1 : 0;
    }
}
