package dev.caisson.trap.filter;

import dev.caisson.linux.Errno;
import dev.caisson.linux.bpf.SeccompAction;

/**
 * What happens to a call: the host's kernel does it, ours does, or nobody.
 *
 * @param errno how it fails when nobody does; SUCCESS otherwise
 */
public record Verdict(Kind kind, Errno errno) {
    /** Who does it. */
    public enum Kind {
        /** The host's kernel. */
        NATIVE,
        /** It stops until the sandbox process answers. */
        TRAP,
        /** Nobody: it fails. */
        REFUSE
    }

    boolean isNative() {
        return kind == Kind.NATIVE;
    }

    /** The filter's return value. */
    public int value() {
        return switch (kind) {
            case NATIVE -> SeccompAction.ALLOW.value();
            case TRAP -> SeccompAction.NOTIFY.value();
            case REFUSE -> SeccompAction.ERRNO.value(errno.number());
        };
    }

    /** A word of the table: {@code native}, {@code trap} or an errno's name. */
    static Verdict parse(String word) {
        return switch (word) {
            case "native" -> new Verdict(Kind.NATIVE, Errno.SUCCESS);
            case "trap" -> new Verdict(Kind.TRAP, Errno.SUCCESS);
            default -> new Verdict(Kind.REFUSE, Errno.valueOf(word));
        };
    }

    /** The word of the table. */
    public String word() {
        return switch (kind) {
            case NATIVE -> "native";
            case TRAP -> "trap";
            case REFUSE -> errno.name();
        };
    }
}
