package dev.caisson.linux.bpf;

/** A seccomp profile or a list of device rules that no program can express. The message says which part. */
public final class InvalidProfileException extends Exception {
    private static final long serialVersionUID = 1L;

    /**
     * @param message lower case, no full stop
     */
    public InvalidProfileException(String message) {
        super(message);
    }
}
