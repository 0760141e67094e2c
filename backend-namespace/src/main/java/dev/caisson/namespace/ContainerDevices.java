package dev.caisson.namespace;

import dev.caisson.linux.bpf.DevicePolicy;
import dev.caisson.linux.cgroup.CgroupException;
import dev.caisson.oci.DeviceRuleType;
import dev.caisson.oci.Resources.DeviceRule;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The device rules that hold for one container, and what enforces them now. */
final class ContainerDevices {
    private static final String RULES = "devices.rules";

    private final Host host;
    private final List<DeviceRule> configured;
    private List<DeviceRule> rules;
    /** What the cgroup enforces; null until it is known, after a restart of the daemon. */
    private @Nullable DevicePolicy policy;

    ContainerDevices(Host host, List<DeviceRule> configured, Map<String, String> record) {
        this.host = host;
        this.configured = List.copyOf(configured);
        String stored = record.get(RULES);
        this.rules = stored == null ? this.configured : read(stored);
    }

    /** What of it has changed since the container was configured. */
    synchronized Map<String, String> record() {
        return rules.equals(configured) ? Map.of() : Map.of(RULES, write(rules));
    }

    synchronized List<DeviceRule> rules() {
        return rules;
    }

    /** How a new group comes to enforce the rules. */
    synchronized DeviceRules ofNew() throws CgroupException {
        return DeviceRules.of(rules, DevicePolicy.ALLOW_ALL, host);
    }

    /** How the group comes to enforce other rules. */
    synchronized DeviceRules to(List<DeviceRule> next) throws CgroupException {
        if (policy == null) {
            policy = ofNew().policy();
        }
        return DeviceRules.of(next, policy, host);
    }

    /** They are enforced from now on. */
    synchronized void enforced(List<DeviceRule> next, DeviceRules by) {
        rules = List.copyOf(next);
        policy = by.policy();
    }

    /** The rules with one more, which has the last word. */
    synchronized List<DeviceRule> with(DeviceRule rule) {
        List<DeviceRule> all = new ArrayList<>(rules);
        // Added and taken away many times, a device must not fill the list.
        all.removeIf(r -> r.type() == rule.type()
                && java.util.Objects.equals(r.major(), rule.major())
                && java.util.Objects.equals(r.minor(), rule.minor())
                && r.major() != null
                && r.minor() != null);
        all.add(rule);
        return all;
    }

    private static String write(List<DeviceRule> rules) {
        StringBuilder text = new StringBuilder();
        for (DeviceRule r : rules) {
            text.append(r.allow() ? "allow " : "deny ")
                    .append(r.type().wire())
                    .append(' ')
                    .append(r.major() == null ? "*" : r.major().toString())
                    .append(':')
                    .append(r.minor() == null ? "*" : r.minor().toString())
                    .append(' ')
                    .append(r.access() == null ? "rwm" : r.access())
                    .append('\n');
        }
        return text.toString();
    }

    /** Our own words: what cannot be read was not written by {@link #write}. */
    private static List<DeviceRule> read(String text) {
        List<DeviceRule> rules = new ArrayList<>();
        for (String line : text.split("\n", -1)) {
            String[] part = line.split("[ :]", -1);
            if (part.length == 5) {
                rules.add(new DeviceRule(
                        part[0].equals("allow"),
                        java.util.Objects.requireNonNull(DeviceRuleType.of(part[1])),
                        number(part[2]),
                        number(part[3]),
                        part[4]));
            }
        }
        return rules;
    }

    private static @Nullable Long number(String text) {
        return text.equals("*") ? null : Long.valueOf(text);
    }
}
