package dev.caisson.trap.policy;

/** A text that is no policy; the message names the line. */
public final class PolicyException extends Exception {
    private static final long serialVersionUID = 1;

    PolicyException(int line, String why) {
        super("policy, line " + line + ": " + why);
    }
}
