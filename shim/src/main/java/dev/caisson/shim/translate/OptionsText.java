package dev.caisson.shim.translate;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.oci.FlatJson;
import dev.caisson.oci.InvalidSpecException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/**
 * Runtime options as text: what stands in the {@code options} table of a CRI runtime arrives as TOML, other callers send JSON. Both are
 * flat here, because no option of this runtime has parts. Names are compared without case and underscores: {@code SystemdCgroup} is
 * {@code systemd_cgroup}.
 */
final class OptionsText {
    static final int MAX_BYTES = 64 << 10;

    private OptionsText() {}

    /** Plain names with the text of their values. */
    static Map<String, String> parse(String text) throws ContainerFault {
        Map<String, String> options = new LinkedHashMap<>();
        if (text.length() > MAX_BYTES) {
            throw invalid("larger than " + MAX_BYTES + " bytes");
        }
        if (text.stripLeading().startsWith("{")) {
            json(text, options);
        } else {
            toml(text, options);
        }
        return options;
    }

    static ContainerFault invalid(String problem) {
        return new ContainerFault(Kind.INVALID, "runtime options: " + problem);
    }

    private static void json(String text, Map<String, String> options) throws ContainerFault {
        try {
            for (Map.Entry<String, String> each : FlatJson.read(
                            text.getBytes(StandardCharsets.UTF_8), "runtime options")
                    .entrySet()) {
                put(options, each.getKey(), each.getValue());
            }
        } catch (InvalidSpecException e) {
            throw new ContainerFault(Kind.INVALID, String.valueOf(e.getMessage()), e);
        }
    }

    private static void toml(String text, Map<String, String> options) throws ContainerFault {
        int number = 0;
        for (String each : text.split("\n", -1)) {
            number++;
            String line = each.strip();
            if (line.isEmpty() || line.startsWith("#")) {
                continue;
            }
            int equals = line.indexOf('=');
            if (equals <= 0 || line.startsWith("[")) {
                throw invalid("line " + number + " is not of the form name = value");
            }
            put(
                    options,
                    unquote(line.substring(0, equals).strip()),
                    value(line.substring(equals + 1).strip(), number));
        }
    }

    private static String value(String text, int line) throws ContainerFault {
        if (!text.startsWith("\"") && !text.startsWith("'")) {
            int comment = text.indexOf('#');
            String bare = comment < 0 ? text : text.substring(0, comment).strip();
            if (!bare.matches("true|false|[+-]?[0-9]+")) {
                throw invalid("line " + line + ": the value must be a string, a whole number, true or false");
            }
            return bare;
        }
        int end = text.indexOf(text.charAt(0), 1);
        String rest = end < 0 ? "" : text.substring(end + 1).strip();
        if (end < 0 || text.substring(0, end).indexOf('\\') >= 0 || (!rest.isEmpty() && !rest.startsWith("#"))) {
            throw invalid("line " + line + ": not a plain string");
        }
        return text.substring(1, end);
    }

    private static String unquote(String name) {
        boolean quoted = name.length() > 1 && name.startsWith("\"") && name.endsWith("\"");
        return quoted ? name.substring(1, name.length() - 1) : name;
    }

    private static void put(Map<String, String> options, String name, String value) throws ContainerFault {
        if (options.put(plain(name), value) != null) {
            throw invalid("\"" + shown(name) + "\" is set twice");
        }
    }

    private static String plain(String name) {
        return name.replace("_", "").toLowerCase(Locale.ROOT);
    }

    static String shown(String name) {
        String shortened = name.length() > 64 ? name.substring(0, 64) + "..." : name;
        return shortened.replaceAll("\\p{Cntrl}", "?");
    }
}
