package dev.caisson.kvm.pod;

import dev.caisson.kvm.guest.PodInterface;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A network namespace's interfaces, out of what ip(8) says with {@code -o}. The JDK's own list cannot be asked: it reads /proc/net, which is the process's and not the
 * calling thread's. Pure.
 */
final class Links {
    /** {@code 2: eth0@if5: <...> mtu 1500 ... link/ether 02:11:22:33:44:55 brd ...}; all on one line. */
    private static final Pattern LINK = Pattern.compile(
            "^[0-9]+: ([^:@ ]+)(?:@[^: ]+)?: .* mtu ([0-9]+) .*link/ether ([0-9a-f]{2}(?::[0-9a-f]{2}){5})\\b.*");
    /** {@code 2: eth0    inet 10.1.0.2/24 brd ... scope global eth0}. */
    private static final Pattern ADDRESS =
            Pattern.compile("^[0-9]+: ([^:@ ]+)\\s+inet6? ([0-9a-fA-F.:]+/[0-9]+) .*scope ([a-z0-9]+)\\b.*");

    private Links() {}

    /**
     * Those with a link-layer address, without routes.
     *
     * @param links of {@code ip -o link}
     * @param addresses of {@code ip -o addr}; link-local ones are every interface's own
     */
    static List<PodInterface> parse(String links, String addresses) {
        List<PodInterface> found = new ArrayList<>();
        for (String line : links.lines().toList()) {
            Matcher link = LINK.matcher(line);
            if (link.matches()) {
                String name = link.group(1);
                found.add(new PodInterface(
                        name, link.group(3), Integer.parseInt(link.group(2)), of(name, addresses), List.of()));
            }
        }
        return found;
    }

    private static List<String> of(String name, String addresses) {
        List<String> found = new ArrayList<>();
        for (String line : addresses.lines().toList()) {
            Matcher address = ADDRESS.matcher(line);
            if (address.matches()
                    && address.group(1).equals(name)
                    && !address.group(3).equals("link")) {
                found.add(address.group(2));
            }
        }
        return found;
    }
}
