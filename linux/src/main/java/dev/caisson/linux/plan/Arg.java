package dev.caisson.linux.plan;

/**
 * An argument of a step: a constant, a pointer into the plan's data, or an earlier result. With fields and not an interface's methods: a plan
 * reads thousands of them, each of another class than the one before.
 */
public abstract sealed class Arg {
    /** Kinds of arguments on the wire. {@link #WIDE}: a constant of more than 32 bits, which lies in the data. */
    static final int CONST = 0;

    static final int DATA = 1;
    static final int SLOT = 2;
    static final int WIDE = 3;

    /** How the monitor is to read {@link #wire}; see plan.h. */
    final int kind;

    /** The argument as the monitor gets it. */
    final long wire;

    private Arg(int kind, long wire) {
        this.kind = kind;
        this.wire = wire;
    }

    /** A constant. */
    public static final class Const extends Arg {
        private Const(long value) {
            super(CONST, value);
        }

        public long value() {
            return wire;
        }
    }

    /** A pointer to an offset in the plan's data. */
    public static final class Data extends Arg {
        Data(int offset) {
            super(DATA, offset);
        }

        public int offset() {
            return (int) wire;
        }

        /** A pointer some bytes further on. */
        public Data plus(int bytes) {
            return new Data(offset() + bytes);
        }
    }

    /** The result that a slot holds when the step runs. */
    public static final class Slot extends Arg {
        Slot(int index) {
            super(SLOT, index);
        }

        public int index() {
            return (int) wire;
        }
    }

    /** The null pointer, or zero. */
    public static final Const ZERO = new Const(0);

    /** A constant. */
    public static Const of(long value) {
        return value == 0 ? ZERO : new Const(value);
    }
}
