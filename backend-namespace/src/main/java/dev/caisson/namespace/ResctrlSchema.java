package dev.caisson.namespace;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Lines of resctrl's schemata files: {@code L3:0=fff;1=ff} (Documentation/filesystems/resctrl.rst). Pure. */
final class ResctrlSchema {
    private ResctrlSchema() {}

    /**
     * @param wanted lines of a configuration
     * @param found the text of a class's file
     * @throws ResctrlException when a domain that is named does not have the value that is wanted
     */
    static void requireSame(List<String> wanted, String found, String group) throws ResctrlException {
        Map<String, Map<String, String>> has = new LinkedHashMap<>();
        for (String line : found.split("\n", -1)) {
            int colon = line.indexOf(':');
            if (colon > 0) {
                has.put(line.substring(0, colon).strip(), domains(line.substring(colon + 1)));
            }
        }
        for (String line : wanted) {
            int colon = line.indexOf(':');
            String resource =
                    colon < 0 ? line.strip() : line.substring(0, colon).strip();
            Map<String, String> values = has.getOrDefault(resource, Map.of());
            for (var domain : domains(line.substring(colon + 1)).entrySet()) {
                if (!domain.getValue().equals(values.get(domain.getKey()))) {
                    throw new ResctrlException("linux.intelRdt: class " + group + " exists and has "
                            + values.getOrDefault(domain.getKey(), "nothing") + " for " + resource + ":"
                            + domain.getKey() + ", not " + domain.getValue());
                }
            }
        }
    }

    /** Values without the zeros that the kernel puts in front of masks. */
    private static Map<String, String> domains(String text) {
        Map<String, String> domains = new LinkedHashMap<>();
        for (String part : text.split(";", -1)) {
            int equals = part.indexOf('=');
            if (equals > 0) {
                String value = part.substring(equals + 1).strip().toLowerCase(java.util.Locale.ROOT);
                String plain = value.replaceFirst("^(0x)?0*(?=.)", "");
                domains.put(part.substring(0, equals).strip(), plain);
            }
        }
        return domains;
    }
}
