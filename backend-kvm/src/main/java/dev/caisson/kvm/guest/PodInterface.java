package dev.caisson.kvm.guest;

import java.util.HexFormat;
import java.util.List;

/**
 * An interface of the pod's network namespace, which one of the guest's cards takes the place of.
 *
 * @param mac its link-layer address
 * @param mtu in bytes
 * @param addresses with the length of their prefix
 * @param routes those through gateways last
 */
public record PodInterface(String name, String mac, int mtu, List<String> addresses, List<Route> routes) {
    /**
     * A route.
     *
     * @param target with the length of its prefix
     * @param gateway empty for none
     */
    public record Route(String target, String gateway) {}

    public PodInterface {
        addresses = List.copyOf(addresses);
        routes = List.copyOf(routes);
    }

    /** A link-layer address in its usual form. */
    public static String text(byte[] mac) {
        return HexFormat.ofDelimiter(":").formatHex(mac);
    }

    /** What {@link #text} has made. */
    public static byte[] bytes(String mac) {
        return HexFormat.ofDelimiter(":").parseHex(mac);
    }
}
