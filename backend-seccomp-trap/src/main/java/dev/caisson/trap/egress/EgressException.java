package dev.caisson.trap.egress;

/** A text that is no egress policy; the message names the line. */
public final class EgressException extends Exception {
    private static final long serialVersionUID = 1;

    EgressException(int line, String why) {
        super("line " + line + ": " + why);
    }
}
