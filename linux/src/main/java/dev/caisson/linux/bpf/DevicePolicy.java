package dev.caisson.linux.bpf;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The state that the v1 device controller would be in after a list of rules (security/device_cgroup.c): a default and exceptions to it.
 *
 * @param defaultAllow whether a device that no exception names is allowed
 * @param exceptions exceptions, each pair of kind and numbers once, in a fixed order
 */
public record DevicePolicy(boolean defaultAllow, List<DevicePolicy.Exemption> exceptions) {
    private static final Comparator<Exemption> ORDER = Comparator.comparing(Exemption::kind)
            .thenComparingLong(Exemption::major)
            .thenComparingLong(Exemption::minor);

    /** The state of the root cgroup and of a new v1 group below it. */
    public static final DevicePolicy ALLOW_ALL = new DevicePolicy(true, List.of());

    /** Rules that are taken; more than any container has, and few enough to compare each with each. */
    public static final int MAX_RULES = 16_384;

    /** No device at all. */
    public static final DevicePolicy DENY_ALL = new DevicePolicy(false, List.of());

    /**
     * What every container gets after its own rules, as from runc and crun: creating nodes (harmless, since opening is another matter) and
     * the devices of the default file system.
     */
    public static final List<DeviceRule> DEFAULT_ALLOWANCES = List.of(
            new DeviceRule(true, DeviceRule.Kind.CHAR, DeviceRule.ANY, DeviceRule.ANY, DeviceRule.MKNOD),
            new DeviceRule(true, DeviceRule.Kind.BLOCK, DeviceRule.ANY, DeviceRule.ANY, DeviceRule.MKNOD),
            // null, zero, full, random, urandom
            DeviceRule.character(1, 3),
            DeviceRule.character(1, 5),
            DeviceRule.character(1, 7),
            DeviceRule.character(1, 8),
            DeviceRule.character(1, 9),
            // tty
            DeviceRule.character(5, 0),
            // pts
            DeviceRule.character(136, DeviceRule.ANY),
            // ptmx
            DeviceRule.character(5, 2),
            // net/tun: dropped once by crun and brought back because VPN containers broke
            DeviceRule.character(10, 200));

    public DevicePolicy {
        List<Exemption> sorted = new ArrayList<>(exceptions);
        sorted.sort(ORDER);
        exceptions = List.copyOf(sorted);
    }

    /**
     * An exception to the default.
     *
     * @param kind block or character
     * @param major major number or {@link DeviceRule#ANY}
     * @param minor minor number or {@link DeviceRule#ANY}
     * @param access bits that the exception is about, at least one
     */
    public record Exemption(DeviceRule.Kind kind, long major, long minor, int access) {
        public Exemption {
            if (kind == DeviceRule.Kind.ALL || access == 0) {
                throw new IllegalArgumentException("not an exception: " + kind + " with access " + access);
            }
        }

        private boolean sameDevices(DeviceRule rule) {
            return kind == rule.kind() && major == rule.major() && minor == rule.minor();
        }

        /** Whether this exception covers other devices too, among them some that the rule speaks of. */
        private boolean overlapsWidely(DeviceRule rule) {
            return kind == rule.kind()
                    && !sameDevices(rule)
                    && (major == DeviceRule.ANY || rule.major() == DeviceRule.ANY || major == rule.major())
                    && (minor == DeviceRule.ANY || rule.minor() == DeviceRule.ANY || minor == rule.minor())
                    && !narrowerThan(rule);
        }

        private boolean narrowerThan(DeviceRule rule) {
            return (rule.major() == DeviceRule.ANY || rule.major() == major)
                    && (rule.minor() == DeviceRule.ANY || rule.minor() == minor);
        }

        DeviceRule asRule(boolean allow) {
            return new DeviceRule(allow, kind, major, minor, access);
        }
    }

    /**
     * Applies rules in order to {@link #ALLOW_ALL}, the state of a group that was just made.
     *
     * @throws InvalidProfileException a rule takes away part of what an earlier one gave with a wildcard (or gives back part of what was
     *     taken); the kernel would ignore it, and the device would stay open
     */
    public static DevicePolicy of(List<DeviceRule> rules) throws InvalidProfileException {
        return apply(rules, List.of());
    }

    /**
     * The policy of a container: its own rules, then {@link #DEFAULT_ALLOWANCES}. An allowance that would make a hole in a wildcard that
     * the rules forbid is left out.
     *
     * @throws InvalidProfileException as for {@link #of}
     */
    public static DevicePolicy ofContainer(List<DeviceRule> rules) throws InvalidProfileException {
        return apply(rules, DEFAULT_ALLOWANCES);
    }

    private static DevicePolicy apply(List<DeviceRule> rules, List<DeviceRule> allowances)
            throws InvalidProfileException {
        if (rules.size() > MAX_RULES) {
            throw new InvalidProfileException(rules.size() + " device rules are more than " + MAX_RULES);
        }
        boolean defaultAllow = true;
        Map<Exemption, Integer> accessOf = new TreeMap<>(ORDER);
        for (DeviceRule rule : rules) {
            if (rule.kind() == DeviceRule.Kind.ALL) {
                defaultAllow = rule.allow();
                accessOf.clear();
            } else if (rule.access() != 0) {
                if (rule.allow() != defaultAllow) {
                    accessOf.merge(key(rule), rule.access(), (a, b) -> a | b);
                } else if (makesHole(accessOf, rule)) {
                    throw new InvalidProfileException("device rule \"" + (rule.allow() ? "allow " : "deny ")
                            + rule.v1Text() + "\" makes a hole in an earlier rule with a wildcard");
                } else {
                    remove(accessOf, rule);
                }
            }
        }
        for (DeviceRule rule : allowances) {
            if (!defaultAllow) {
                accessOf.merge(key(rule), rule.access(), (a, b) -> a | b);
            } else if (!makesHole(accessOf, rule)) {
                remove(accessOf, rule);
            }
        }
        List<Exemption> exceptions = new ArrayList<>(accessOf.size());
        accessOf.forEach((e, access) -> exceptions.add(new Exemption(e.kind, e.major, e.minor, access)));
        return new DevicePolicy(defaultAllow, exceptions);
    }

    private static boolean makesHole(Map<Exemption, Integer> accessOf, DeviceRule rule) {
        for (Map.Entry<Exemption, Integer> e : accessOf.entrySet()) {
            if ((e.getValue() & rule.access()) != 0 && e.getKey().overlapsWidely(rule)) {
                return true;
            }
        }
        return false;
    }

    private static void remove(Map<Exemption, Integer> accessOf, DeviceRule rule) {
        // A rule with wildcards also ends the narrower exceptions that it covers: the kernel compares for equality and
        // would keep them.
        accessOf.replaceAll(
                (e, access) -> e.kind == rule.kind() && e.narrowerThan(rule) ? access & ~rule.access() : access);
        accessOf.values().removeIf(access -> access == 0);
    }

    private static Exemption key(DeviceRule rule) {
        return new Exemption(rule.kind(), rule.major(), rule.minor(), DeviceRule.RWM);
    }

    /** Whether nothing is ever refused, so that no program has to be attached. */
    public boolean allowsEverything() {
        return defaultAllow && exceptions.isEmpty();
    }

    /**
     * Whether an access is allowed, as the kernel decides: under a denying default one exception must cover all wanted bits; under an
     * allowing default any bit that an exception names refuses it.
     */
    public boolean allows(DeviceRule.Kind kind, long major, long minor, int access) {
        for (Exemption e : exceptions) {
            boolean devices = e.kind == kind
                    && (e.major == DeviceRule.ANY || e.major == major)
                    && (e.minor == DeviceRule.ANY || e.minor == minor);
            if (devices && (defaultAllow ? (access & e.access) != 0 : (access & ~e.access) == 0)) {
                return !defaultAllow;
            }
        }
        return defaultAllow;
    }

    /**
     * One write to a file of the v1 controller.
     *
     * @param file {@code devices.allow} or {@code devices.deny}
     * @param text what to write; one rule per write(2)
     */
    public record V1Write(String file, String text) {
        private static V1Write of(DeviceRule rule) {
            return new V1Write(rule.allow() ? "devices.allow" : "devices.deny", rule.v1Text());
        }
    }

    /**
     * The writes that lead a v1 group from this state to another. While the default stays the same, no access that both states allow is
     * refused in between, and none that both refuse is allowed: new exceptions come before old ones go. A change of the default has to
     * pass through the bare new default, which is why a group gets its rules before it gets processes.
     */
    public List<V1Write> v1WritesTo(DevicePolicy target) {
        List<V1Write> writes = new ArrayList<>();
        List<Exemption> present = exceptions;
        if (defaultAllow != target.defaultAllow) {
            writes.add(V1Write.of(new DeviceRule(
                    target.defaultAllow, DeviceRule.Kind.ALL, DeviceRule.ANY, DeviceRule.ANY, DeviceRule.RWM)));
            present = List.of();
        }
        boolean exceptionsAllow = !target.defaultAllow;
        for (Exemption e : minus(target.exceptions, present)) {
            writes.add(V1Write.of(e.asRule(exceptionsAllow)));
        }
        for (Exemption e : minus(present, target.exceptions)) {
            writes.add(V1Write.of(e.asRule(!exceptionsAllow)));
        }
        return List.copyOf(writes);
    }

    /** The access bits of {@code a} that {@code b} lacks, device by device. */
    private static List<Exemption> minus(List<Exemption> a, List<Exemption> b) {
        Map<Exemption, Integer> other = new TreeMap<>(ORDER);
        for (Exemption e : b) {
            other.put(e, e.access);
        }
        List<Exemption> result = new ArrayList<>();
        for (Exemption e : a) {
            int rest = e.access & ~other.getOrDefault(e, 0);
            if (rest != 0) {
                result.add(new Exemption(e.kind, e.major, e.minor, rest));
            }
        }
        return result;
    }
}
