package dev.caisson.linux;

import java.io.IOException;

/** A system call failed. The message reads {@code call subject: NAME}, for example {@code mount /proc (proc): EPERM}. */
public final class ErrnoException extends IOException {
    private static final long serialVersionUID = 1L;

    private final int number;
    private final String call;
    private final String subject;

    /**
     * Describes a failed call.
     *
     * @param number the positive error number
     * @param call the name of the system call, or of the file operation that failed
     * @param subject what it was attempted on: a path, a pid, a descriptor's name
     */
    public ErrnoException(int number, String call, String subject) {
        super(call + (subject.isEmpty() ? "" : " " + subject) + ": " + nameOf(number));
        this.number = number;
        this.call = call;
        this.subject = subject;
    }

    /** Describes a failed call by the error's name; see {@link #ErrnoException(int, String, String)}. */
    public ErrnoException(Errno errno, String call, String subject) {
        this(errno.number(), call, subject);
    }

    private static String nameOf(int number) {
        Errno errno = Errno.of(number);
        return errno == Errno.UNKNOWN ? "errno " + number : errno.name();
    }

    /** The error's name, {@link Errno#UNKNOWN} where it has none. */
    public Errno errno() {
        return Errno.of(number);
    }

    /** The positive error number. */
    public int number() {
        return number;
    }

    /** The system call that failed. */
    public String call() {
        return call;
    }

    /** What the call was attempted on; may be empty. */
    public String subject() {
        return subject;
    }
}
