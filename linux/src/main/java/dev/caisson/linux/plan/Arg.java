package dev.caisson.linux.plan;

/** An argument of a step: a constant, a pointer into the plan's data, or an earlier result. */
public sealed interface Arg {
    /** How the monitor is to read {@link #wire()}; see plan.h. A method, since a switch over types costs a daemon's start milliseconds. */
    int kind();

    /** The argument as the monitor gets it. */
    long wire();

    /** A constant. */
    record Const(long value) implements Arg {
        @Override
        public int kind() {
            return 0;
        }

        @Override
        public long wire() {
            return value;
        }
    }

    /** A pointer to {@code offset} in the plan's data. */
    record Data(int offset) implements Arg {
        /** A pointer some bytes further on. */
        public Data plus(int bytes) {
            return new Data(offset + bytes);
        }

        @Override
        public int kind() {
            return 1;
        }

        @Override
        public long wire() {
            return offset;
        }
    }

    /** The result that slot {@code index} holds when the step runs. */
    record Slot(int index) implements Arg {
        @Override
        public int kind() {
            return 2;
        }

        @Override
        public long wire() {
            return index;
        }
    }

    /** The null pointer, or zero. */
    Const ZERO = new Const(0);

    /** A constant. */
    static Const of(long value) {
        return new Const(value);
    }
}
