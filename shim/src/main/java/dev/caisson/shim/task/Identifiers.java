package dev.caisson.shim.task;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;

/** containerd's identifiers: runs of letters and digits joined by single {@code .}, {@code _} or {@code -}, at most 76 bytes. */
public final class Identifiers {
    private static final int MAX_LENGTH = 76;

    private Identifiers() {}

    /** Returns the id, which may then be part of a path. */
    public static String require(String what, String id) throws ContainerFault {
        if (id.isEmpty() || id.length() > MAX_LENGTH) {
            throw new ContainerFault(
                    Kind.INVALID,
                    what
                            + (id.isEmpty()
                                    ? " is empty"
                                    : " of " + id.length() + " characters exceeds the limit of " + MAX_LENGTH));
        }
        boolean joint = true;
        for (int i = 0; i < id.length(); i++) {
            char c = id.charAt(i);
            boolean word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
            if (!word && (joint || (c != '.' && c != '_' && c != '-'))) {
                throw new ContainerFault(
                        Kind.INVALID, what + " \"" + printable(id) + "\" is not valid at character " + (i + 1));
            }
            joint = !word;
        }
        if (joint) {
            throw new ContainerFault(Kind.INVALID, what + " \"" + printable(id) + "\" ends in a separator");
        }
        return id;
    }

    private static String printable(String id) {
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < id.length(); i++) {
            out.append(id.charAt(i) < 0x20 || id.charAt(i) > 0x7e ? '?' : id.charAt(i));
        }
        return out.toString();
    }
}
