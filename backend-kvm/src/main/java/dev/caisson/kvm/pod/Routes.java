package dev.caisson.kvm.pod;

import dev.caisson.kvm.guest.PodInterface;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;

/**
 * An interface's routes, out of the kernel's tables (proc(5)). Those through gateways come last, as they need others. Pure.
 */
final class Routes {
    private static final int V4_FIELDS = 11;
    private static final int V6_FIELDS = 10;
    private static final int GATEWAY = 2;
    /** RTF_LOCAL, RTF_CACHE, RTF_ANYCAST, RTF_REJECT (linux/ipv6_route.h, linux/route.h): what the kernel makes by itself, or never sends. */
    private static final int NOT_TAKEN = 0x8000_0000 | 0x0100_0000 | 0x0010_0000 | 0x0200;

    private Routes() {}

    /** @param table lines of /proc/net/route: hexadecimal words in the host's order of bytes */
    static List<PodInterface.Route> version4(List<String> table, String device) throws UnknownHostException {
        List<PodInterface.Route> routes = new ArrayList<>();
        for (String[] fields : linesOf(table, V4_FIELDS, 0, device)) {
            int prefix = Integer.bitCount(Integer.parseUnsignedInt(fields[7], 16));
            boolean hasGateway = (Integer.parseUnsignedInt(fields[3], 16) & GATEWAY) != 0;
            routes.add(new PodInterface.Route(word(fields[1]) + "/" + prefix, hasGateway ? word(fields[2]) : ""));
        }
        return inOrder(routes);
    }

    private static String word(String hex) throws UnknownHostException {
        int word = Integer.reverseBytes(Integer.parseUnsignedInt(hex, 16));
        byte[] octets = {(byte) (word >>> 24), (byte) (word >>> 16), (byte) (word >>> 8), (byte) word};
        return InetAddress.getByAddress(octets).getHostAddress();
    }

    /** @param table lines of /proc/net/ipv6_route; link-local and multicast routes are every interface's own */
    static List<PodInterface.Route> version6(List<String> table, String device) throws UnknownHostException {
        List<PodInterface.Route> routes = new ArrayList<>();
        for (String[] fields : linesOf(table, V6_FIELDS, 9, device)) {
            int flags = Integer.parseUnsignedInt(fields[8], 16);
            InetAddress target = InetAddress.getByAddress(HexFormat.of().parseHex(fields[0]));
            if ((flags & NOT_TAKEN) != 0 || target.isLinkLocalAddress() || target.isMulticastAddress()) {
                continue;
            }
            String gateway = (flags & GATEWAY) != 0
                    ? InetAddress.getByAddress(HexFormat.of().parseHex(fields[4]))
                            .getHostAddress()
                    : "";
            routes.add(
                    new PodInterface.Route(target.getHostAddress() + "/" + Integer.parseInt(fields[1], 16), gateway));
        }
        return inOrder(routes);
    }

    /** The fields of the lines about a device, whose name is one of them. */
    private static List<String[]> linesOf(List<String> table, int fields, int name, String device) {
        return table.stream()
                .map(line -> line.strip().split("\\s+", -1))
                .filter(line -> line.length >= fields && line[name].equals(device))
                .toList();
    }

    private static List<PodInterface.Route> inOrder(List<PodInterface.Route> routes) {
        routes.sort(Comparator.comparing(route -> !route.gateway().isEmpty())); // stable
        return routes;
    }
}
