package dev.caisson.oci;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Judges a configuration by itself: the rules of the runtime-spec and those of the kernel that need no look at the host. Pure; any thread.
 *
 * <p>Not judged here: whether paths exist, whether namespace files have the right type, what the kernel or the caller's privileges allow,
 * how a joined user namespace's mappings compare.
 */
public final class SpecValidator {
    /**
     * What was found.
     *
     * @param errors reasons not to create the container
     * @param warnings things that will be ignored or are probably not meant
     */
    public record Report(List<Problem> errors, List<Problem> warnings) {
        public Report {
            errors = List.copyOf(errors);
            warnings = List.copyOf(warnings);
        }

        /** Whether the container may be created. */
        public boolean isValid() {
            return errors.isEmpty();
        }

        /**
         * Does nothing for a valid configuration.
         *
         * @param document what the error calls it, such as {@code config.json}
         * @throws InvalidSpecException names the first error
         */
        public void throwIfInvalid(String document) throws InvalidSpecException {
            if (!errors.isEmpty()) {
                Problem first = errors.getFirst();
                throw new InvalidSpecException(document, first.path(), first.message());
            }
        }
    }

    private SpecValidator() {}

    /** Judges a whole configuration. */
    public static Report validate(Spec spec) {
        Findings f = new Findings();
        version(f, spec.ociVersion());
        if (spec.process() == null) {
            f.error("process", "missing");
        } else {
            ProcessRules.check(f, "process", spec.process());
        }
        if (spec.root() == null) {
            f.error("root", "missing");
        }
        names(f, spec);
        MountRules.check(f, spec);
        hooks(f, spec.hooks());
        for (String key : spec.annotations().keySet()) {
            if (key.isEmpty()) {
                f.error("annotations", "empty key");
            }
        }
        LinuxRules.check(f, spec);
        return f.report();
    }

    /** Judges an additional process; paths start at the process itself. */
    public static Report validate(ProcessSpec process) {
        Findings f = new Findings();
        ProcessRules.check(f, "", process);
        return f.report();
    }

    /** Judges limits by themselves, for an update after it was merged with what is in force; paths start at the resources themselves. */
    public static Report validate(Resources resources) {
        Findings f = new Findings();
        ResourceRules.check(f, "", resources);
        return f.report();
    }

    /** Semantic version with major 1: minor versions of the spec are compatible with each other. */
    private static void version(Findings f, String version) {
        int end = version.length();
        for (int i = 0; i < end; i++) {
            char c = version.charAt(i);
            if (c == '-' || c == '+') {
                end = i;
            }
        }
        int parts = 1;
        int digits = 0;
        for (int i = 0; i < end; i++) {
            char c = version.charAt(i);
            if (c == '.' && digits > 0) {
                parts++;
                digits = 0;
            } else if (c >= '0' && c <= '9' && digits < 9) {
                digits++;
            } else {
                parts = 99;
            }
        }
        if (parts != 3 || digits == 0) {
            f.error("ociVersion", Text.quote(version) + " is not a semantic version");
        } else if (!version.startsWith("1.")) {
            f.error("ociVersion", Text.quote(version) + " is not supported, only 1.x is");
        }
    }

    private static void names(Findings f, Spec spec) {
        boolean uts = spec.linux().hasNamespace(NamespaceType.UTS);
        name(f, "hostname", spec.hostname(), uts);
        name(f, "domainname", spec.domainname(), uts);
    }

    private static void name(Findings f, String path, @Nullable String name, boolean uts) {
        if (name == null) {
            return;
        }
        if (!uts) {
            f.error(path, "cannot be set without a uts namespace");
        }
        // __NEW_UTS_LEN
        if (utf8Length(name) > 64) {
            f.error(path, "longer than 64 bytes");
        }
    }

    private static int utf8Length(String s) {
        return s.getBytes(StandardCharsets.UTF_8).length;
    }

    private static void hooks(Findings f, Hooks hooks) {
        hooks(f, "hooks.prestart", hooks.prestart());
        hooks(f, "hooks.createRuntime", hooks.createRuntime());
        hooks(f, "hooks.createContainer", hooks.createContainer());
        hooks(f, "hooks.startContainer", hooks.startContainer());
        hooks(f, "hooks.poststart", hooks.poststart());
        hooks(f, "hooks.poststop", hooks.poststop());
    }

    private static void hooks(Findings f, String path, List<Hook> hooks) {
        for (int i = 0; i < hooks.size(); i++) {
            Hook hook = hooks.get(i);
            String at = Findings.at(path, i);
            if (!hook.path().startsWith("/")) {
                f.error(at + ".path", Text.quote(hook.path()) + " is not an absolute path");
            }
            if (hook.timeoutSeconds() != null && hook.timeoutSeconds() <= 0) {
                f.error(at + ".timeout", "must be greater than zero");
            }
            if (hook.env() != null) {
                ProcessRules.environment(f, at + ".env", hook.env());
            }
        }
    }

    /** Checks the id ranges of one mapping list against the kernel's rules (kernel/user_namespace.c map_write). */
    static void idMappings(Findings f, String path, List<IdMapping> mappings) {
        // UID_GID_MAP_MAX_EXTENTS; also bounds the comparison of all pairs.
        if (mappings.size() > 340) {
            f.error(path, mappings.size() + " entries are more than the kernel's 340");
            return;
        }
        for (int i = 0; i < mappings.size(); i++) {
            IdMapping m = mappings.get(i);
            String at = Findings.at(path, i);
            if (m.size() == 0) {
                f.error(at + ".size", "must be greater than zero");
            }
            if (m.containerId() + m.size() > 0xffff_ffffL || m.hostId() + m.size() > 0xffff_ffffL) {
                f.error(at, "exceeds the largest id");
            }
            for (int j = 0; j < i; j++) {
                IdMapping o = mappings.get(j);
                if (overlap(m.containerId(), m.size(), o.containerId(), o.size())) {
                    f.error(at + ".containerID", "overlaps " + Findings.at(path, j));
                }
                if (overlap(m.hostId(), m.size(), o.hostId(), o.size())) {
                    f.error(at + ".hostID", "overlaps " + Findings.at(path, j));
                }
            }
        }
    }

    private static boolean overlap(long a, long aSize, long b, long bSize) {
        return a < b + bSize && b < a + aSize;
    }

    /** Whether a text is a kernel bitmap list such as {@code 0-3,7}; ranges may carry a stride {@code 0-7:2/4}. */
    static boolean isCpuList(String list) {
        for (String part : list.strip().split(",", -1)) {
            if (!isCpuRange(part.strip())) {
                return false;
            }
        }
        return true;
    }

    private static boolean isCpuRange(String part) {
        List<String> numbers = new ArrayList<>();
        StringBuilder number = new StringBuilder();
        String separators = "-:/";
        for (int i = 0; i < part.length(); i++) {
            char c = part.charAt(i);
            if (c >= '0' && c <= '9') {
                number.append(c);
            } else if (numbers.size() < 3 && c == separators.charAt(numbers.size())) {
                numbers.add(number.toString());
                number.setLength(0);
            } else {
                return false;
            }
        }
        numbers.add(number.toString());
        if (numbers.size() == 3) {
            return false;
        }
        for (String n : numbers) {
            if (n.isEmpty() || n.length() > 6) {
                return false;
            }
        }
        return numbers.size() == 1 || Integer.parseInt(numbers.get(0)) <= Integer.parseInt(numbers.get(1));
    }
}
