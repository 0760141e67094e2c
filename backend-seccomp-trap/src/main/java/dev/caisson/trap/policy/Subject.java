package dev.caisson.trap.policy;

import org.jspecify.annotations.Nullable;

/** What a line of a policy is about, by its first word. */
public enum Subject {
    /** A system call that the wall answers, by name. */
    CALL,
    /** A file name that a call is given: absolute, links followed as far as it exists. */
    PATH,
    /** An address that something is sent or connected to. */
    CONNECT,
    /** An address that a socket gets. */
    BIND;

    public String word() {
        return name().toLowerCase(java.util.Locale.ROOT);
    }

    static @Nullable Subject of(String word) {
        for (Subject s : values()) {
            if (s.word().equals(word)) {
                return s;
            }
        }
        return null;
    }
}
