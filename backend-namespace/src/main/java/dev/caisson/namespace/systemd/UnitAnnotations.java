package dev.caisson.namespace.systemd;

import dev.caisson.linux.cgroup.CgroupException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Properties that annotations set: {@code org.systemd.property.NAME}, with a value in GVariant's text format, as runc and crun take
 * them. Understood are strings, booleans, numbers ({@code int32}, the default, and {@code uint64}) and arrays of strings. A name that
 * ends in {@code Sec} stands for the {@code USec} that the bus has, in seconds. Pure.
 */
public final class UnitAnnotations {
    /** What names begin with. */
    public static final String PREFIX = "org.systemd.property.";

    private static final int LONGEST = 4096;
    private static final Pattern NAME = Pattern.compile("[A-Z][A-Za-z0-9]{0,99}");
    private static final Pattern NUMBER = Pattern.compile("(?:(int32|uint64) +)?(-?[0-9]{1,20})");
    private static final Pattern STRING = Pattern.compile("'([^'\\\\]*)'|\"([^\"\\\\]*)\"");

    private UnitAnnotations() {}

    /** @throws CgroupException naming the annotation */
    public static List<UnitProperty> properties(Map<String, String> annotations) throws CgroupException {
        List<UnitProperty> found = new ArrayList<>();
        for (Map.Entry<String, String> a : new TreeMap<>(annotations).entrySet()) {
            if (a.getKey().startsWith(PREFIX)) {
                UnitProperty property = property(a.getKey().substring(PREFIX.length()), a.getValue());
                if (property == null) {
                    throw new CgroupException(
                            "annotation " + a.getKey().replace('\0', '?') + ": neither a string in quotes, a boolean,"
                                    + " a number (int32, uint64) nor an array of strings");
                }
                found.add(property);
            }
        }
        return found;
    }

    private static @Nullable UnitProperty property(String name, String text) {
        String value = text.strip();
        if (!NAME.matcher(name).matches() || value.length() > LONGEST || value.indexOf('\0') >= 0) {
            return null;
        }
        if (value.equals("true") || value.equals("false")) {
            return new UnitProperty.Flag(name, value.equals("true"));
        }
        Matcher number = NUMBER.matcher(value);
        if (number.matches()) {
            return number(name, "uint64".equals(number.group(1)), number.group(2));
        }
        Matcher string = STRING.matcher(value);
        if (string.matches()) {
            return new UnitProperty.Text(name, quoted(string));
        }
        if (value.startsWith("[") && value.endsWith("]")) {
            return strings(name, value.substring(1, value.length() - 1));
        }
        return null;
    }

    private static @Nullable UnitProperty number(String name, boolean unsigned, String digits) {
        try {
            if (name.endsWith("Sec") && !name.endsWith("USec")) {
                long micros = Math.multiplyExact(Long.parseLong(digits), 1_000_000L);
                return new UnitProperty.Amount(name.substring(0, name.length() - 3) + "USec", micros);
            }
            return unsigned
                    ? new UnitProperty.Amount(name, Long.parseUnsignedLong(digits))
                    : new UnitProperty.SignedNumber(name, Integer.parseInt(digits));
        } catch (ArithmeticException | NumberFormatException e) {
            return null;
        }
    }

    private static @Nullable UnitProperty strings(String name, String inner) {
        List<String> all = new ArrayList<>();
        Matcher string = STRING.matcher(inner);
        int at = 0;
        while (at < inner.length()) {
            if (!string.find(at) || !inner.substring(at, string.start()).isBlank()) {
                return inner.isBlank() ? new UnitProperty.Texts(name, List.of()) : null;
            }
            all.add(quoted(string));
            at = string.end();
            String rest = inner.substring(at).stripLeading();
            if (rest.isEmpty()) {
                break;
            }
            if (!rest.startsWith(",")) {
                return null;
            }
            at = inner.length() - rest.length() + 1;
        }
        return new UnitProperty.Texts(name, all);
    }

    private static String quoted(Matcher string) {
        return string.group(1) == null ? string.group(2) : string.group(1);
    }
}
