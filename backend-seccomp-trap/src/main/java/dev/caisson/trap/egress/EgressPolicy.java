package dev.caisson.trap.egress;

import dev.caisson.linux.bpf.EgressProgram;
import dev.caisson.linux.bpf.EgressRule;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Where a container may send to, and nowhere else but to itself (loopback). Lines, or words between commas:
 *
 * <pre>
 *   [tcp|udp] PLACE[:PORT[-PORT]]     PLACE: 10.0.0.0/8, 192.0.2.1, [2001:db8::]/32, example.org
 *   dns ADDRESS[:PORT]                whom to ask for names; needed where there are some
 * </pre>
 *
 * Empty lines and those that begin with # say nothing. Immutable.
 *
 * @param rules those about names are about slots, {@link #SLOTS} for each, in the order of {@code names}
 * @param names lower case
 * @param servers of names
 */
public record EgressPolicy(List<EgressRule> rules, List<String> names, List<Server> servers) {
    /** Longest text, in bytes. */
    public static final int LONGEST = 1 << 16;

    /** Addresses of a name that are known at once. */
    public static final int SLOTS = 16;

    private static final int LINES = 128;
    private static final int NAMES = 16;
    private static final int SERVERS = 4;
    private static final int NAME = 253;
    private static final int LABEL = 63;
    private static final int TCP = 6;
    private static final int UDP = 17;
    private static final int DNS_PORT = 53;

    /** Whom to ask for names. */
    public record Server(InternetAddress address, int port) {}

    public EgressPolicy {
        rules = List.copyOf(rules);
        names = List.copyOf(names);
        servers = List.copyOf(servers);
    }

    /** How large the table of the names' addresses is, in bytes. */
    public int tableSize() {
        return Math.max(1, names.size()) * SLOTS * EgressProgram.SLOT;
    }

    /** Whether the addresses in it allow this; those that names have are not looked at. */
    boolean allows(int protocol, InternetAddress address, int port) {
        return address.isOwn() || rules.stream().anyMatch(r -> r.holds(protocol, address.high(), address.low(), port));
    }

    /** Reads one. */
    public static EgressPolicy parse(String text) throws EgressException {
        if (text.length() > LONGEST) {
            throw new EgressException(1, "more than " + LONGEST + " bytes");
        }
        List<EgressRule> rules = new ArrayList<>();
        List<String> names = new ArrayList<>();
        List<Server> servers = new ArrayList<>();
        String[] lines = text.split("[,\n]", -1);
        if (lines.length > LINES) {
            throw new EgressException(LINES + 1, "more than " + LINES + " lines");
        }
        for (int i = 0; i < lines.length; i++) {
            String line = lines[i].strip();
            if (line.isEmpty() || line.startsWith("#")) {
                continue;
            }
            Line read = new Line(i + 1, line);
            switch (read.word) {
                case "dns" -> servers.add(read.server());
                case "tcp" -> rules.add(read.rule(TCP, names));
                case "udp" -> rules.add(read.rule(UDP, names));
                default -> rules.add(read.rule(0, names));
            }
            if (names.size() > NAMES || servers.size() > SERVERS) {
                throw new EgressException(i + 1, "more than " + NAMES + " names or " + SERVERS + " servers");
            }
        }
        if (!names.isEmpty() && servers.isEmpty()) {
            throw new EgressException(lines.length, "there is a name, and no line dns says whom to ask for it");
        }
        return new EgressPolicy(rules, names, servers);
    }

    private static boolean isOfName(int c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    }

    /** One of them, taken apart from behind. */
    private static final class Line {
        private final int number;
        private final String word;
        private final String place;
        private final int prefix;
        private int firstPort;
        private int lastPort = 0xffff;

        Line(int number, String line) throws EgressException {
            this.number = number;
            int blank = line.indexOf(' ');
            String first = blank < 0 ? "" : line.substring(0, blank);
            word = switch (first) {
                case "tcp", "udp", "dns", "" -> first;
                default -> throw wrong("begins with none of tcp, udp and dns: " + line);
            };
            String rest = line.substring(blank + 1).strip();
            // An address of IPv6 has colons of its own, and brackets for that.
            int colon = rest.indexOf(':', rest.startsWith("[") ? rest.indexOf(']') + 1 : 0);
            String bare = rest.split("/", 2)[0];
            if (bare.indexOf(':') >= 0 && InternetAddress.parse(bare) != null) {
                throw wrong("an address of IPv6 is written in brackets: " + rest);
            }
            if (colon >= 0) {
                String[] ports = rest.substring(colon + 1).split("-", 2);
                firstPort = number(ports[0], 0xffff, "port");
                lastPort = number(ports[ports.length - 1], 0xffff, "port");
                if (firstPort > lastPort) {
                    throw wrong("its first port is greater than its last: " + rest);
                }
                rest = rest.substring(0, colon);
            }
            int slash = rest.indexOf('/');
            String named = slash < 0 ? rest : rest.substring(0, slash);
            boolean bracketed = named.startsWith("[") && named.endsWith("]");
            place = bracketed ? named.substring(1, named.length() - 1) : named;
            if (bracketed && (place.indexOf(':') < 0 || InternetAddress.parse(place) == null)) {
                throw wrong("no address of IPv6: " + named);
            }
            prefix = slash < 0 ? -1 : number(rest.substring(slash + 1), bracketed ? 128 : 32, "prefix");
        }

        private EgressException wrong(String why) {
            return new EgressException(number, why);
        }

        private int number(String text, int most, String what) throws EgressException {
            boolean isNumber =
                    !text.isEmpty() && text.length() <= 5 && text.chars().allMatch(c -> c >= '0' && c <= '9');
            if (!isNumber || Integer.parseInt(text) > most) {
                throw wrong("no " + what + " of at most " + most + ": \"" + text + "\"");
            }
            return Integer.parseInt(text);
        }

        Server server() throws EgressException {
            InternetAddress address = InternetAddress.parse(place);
            if (address == null || prefix >= 0 || (lastPort != firstPort && lastPort != 0xffff)) {
                throw wrong("a server of names is an address, and maybe a port: " + place);
            }
            if (address.isOwn()) {
                throw wrong("a server of names on the loopback could be the container's own: " + place);
            }
            return new Server(address, lastPort == firstPort ? firstPort : DNS_PORT);
        }

        EgressRule rule(int protocol, List<String> names) throws EgressException {
            InternetAddress address = InternetAddress.parse(place);
            if (address != null) {
                int bits = (address.is4() && place.indexOf(':') < 0 ? 96 : 0)
                        + (prefix >= 0 ? prefix : place.indexOf(':') < 0 ? 32 : 128);
                return new EgressRule(protocol, address.high(), address.low(), bits, -1, 0, firstPort, lastPort);
            }
            String name = name();
            if (name == null || prefix >= 0) {
                throw wrong("neither an address nor a name: \"" + place + "\"");
            }
            if (!names.contains(name)) {
                names.add(name);
            }
            return new EgressRule(protocol, 0, 0, 0, names.indexOf(name) * SLOTS, SLOTS, firstPort, lastPort);
        }

        private @Nullable String name() {
            String name = place.toLowerCase(Locale.ROOT);
            if (name.isEmpty() || name.length() > NAME || !name.chars().anyMatch(c -> c >= 'a' && c <= 'z')) {
                return null;
            }
            for (String label : name.split("[.]", -1)) {
                if (label.isEmpty() || label.length() > LABEL || !label.chars().allMatch(EgressPolicy::isOfName)) {
                    return null;
                }
            }
            return name;
        }
    }
}
