package dev.caisson.linux.plan;

/** An argument of a step: a constant, a pointer into the plan's data, or an earlier result. */
public sealed interface Arg {
    /** A constant. */
    record Const(long value) implements Arg {}

    /** A pointer to {@code offset} in the plan's data. */
    record Data(int offset) implements Arg {
        /** A pointer some bytes further on. */
        public Data plus(int bytes) {
            return new Data(offset + bytes);
        }
    }

    /** The result that slot {@code index} holds when the step runs. */
    record Slot(int index) implements Arg {}

    /** The null pointer, or zero. */
    Const ZERO = new Const(0);

    /** A constant. */
    static Const of(long value) {
        return new Const(value);
    }
}
