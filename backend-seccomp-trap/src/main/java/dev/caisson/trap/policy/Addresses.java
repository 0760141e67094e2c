package dev.caisson.trap.policy;

import java.nio.charset.StandardCharsets;

/** Socket addresses as a policy names them. */
public final class Addresses {
    private static final int AF_UNIX = 1;
    private static final int AF_INET = 2;
    private static final int AF_INET6 = 10;
    private static final int AF_NETLINK = 16;

    private Addresses() {}

    /**
     * The text of a struct sockaddr (sockaddr(3type)).
     *
     * @param a its bytes, as many as the caller said there are
     */
    public static String text(byte[] a) {
        if (a.length < 2) {
            return "none";
        }
        int family = (a[0] & 0xff) | (a[1] & 0xff) << 8;
        return switch (family) {
            case 0 -> "none"; // ends an association
            case AF_UNIX -> "unix " + unix(a);
            case AF_INET -> a.length < 8 ? "inet ?" : "inet " + inet(a, 4) + ":" + port(a);
            case AF_INET6 -> a.length < 24 ? "inet6 ?" : "inet6 [" + inet6(a) + "]:" + port(a);
            case AF_NETLINK -> "netlink";
            default -> "family " + family;
        };
    }

    private static int port(byte[] a) {
        return (a[2] & 0xff) << 8 | (a[3] & 0xff);
    }

    private static String inet(byte[] a, int at) {
        return (a[at] & 0xff) + "." + (a[at + 1] & 0xff) + "." + (a[at + 2] & 0xff) + "." + (a[at + 3] & 0xff);
    }

    private static String inet6(byte[] a) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < 16; i += 2) {
            text.append(i == 0 ? "" : ":").append(Integer.toHexString((a[8 + i] & 0xff) << 8 | (a[9 + i] & 0xff)));
        }
        return text.toString();
    }

    /** A path, or behind a {@code @} a name that is in no directory. */
    private static String unix(byte[] a) {
        if (a.length == 2) {
            return "unnamed";
        }
        boolean isAbstract = a[2] == 0;
        int from = isAbstract ? 3 : 2;
        int to = from;
        while (to < a.length && (isAbstract || a[to] != 0)) {
            to++;
        }
        StringBuilder text = new StringBuilder(isAbstract ? "@" : "");
        for (char c : new String(a, from, to - from, StandardCharsets.ISO_8859_1).toCharArray()) {
            text.append(c < ' ' ? '?' : c);
        }
        return text.toString();
    }
}
