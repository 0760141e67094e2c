package dev.caisson.backend;

/**
 * Where a process's streams lead. With a terminal, stdin and stdout are what the terminal's bytes are copied from and to, and
 * there is no stderr.
 */
public record Stdio(Stream stdin, Stream stdout, Stream stderr, boolean terminal) {
    /** How a stream is opened; the codes are those of {@code monitor/src/wire.h}. */
    public enum Kind {
        NULL(0),
        /** A fifo, or an existing file to append to. */
        PATH(1),
        /** A file that is created if need be, and appended to. */
        CREATE(2),
        /** Stderr only: the same as stdout. */
        SAME(3),
        /** A pipe to a logger program. */
        PIPE(4),
        /** Stderr of a terminal. */
        TTY(5);

        private final int code;

        Kind(int code) {
            this.code = code;
        }

        /** The code on the wire. */
        public int code() {
            return code;
        }
    }

    /** One stream; {@code path} is empty unless the kind names a file. */
    public record Stream(Kind kind, String path) {
        /** Nothing: /dev/null. */
        public static final Stream NONE = new Stream(Kind.NULL, "");

        /** Whether it has another end than the null device. */
        public boolean isSomewhere() {
            return kind != Kind.NULL;
        }
    }

    /** Whether what is written to stderr is read by anybody. */
    public boolean hasStderr() {
        return stderr.kind() == Kind.SAME ? stdout.isSomewhere() : stderr.isSomewhere();
    }

    /** No streams at all. */
    public static final Stdio NONE = new Stdio(Stream.NONE, Stream.NONE, Stream.NONE, false);
}
