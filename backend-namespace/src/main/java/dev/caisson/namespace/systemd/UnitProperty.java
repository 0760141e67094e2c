package dev.caisson.namespace.systemd;

import java.util.List;

/** One property of a unit, in the types of org.freedesktop.systemd1(5). */
public sealed interface UnitProperty {
    /** As systemd spells it. */
    String name();

    /** Type {@code s}. */
    record Text(String name, String value) implements UnitProperty {}

    /** Type {@code b}. */
    record Flag(String name, boolean value) implements UnitProperty {}

    /** Type {@code t}, unsigned; all ones is infinity. */
    record Amount(String name, long value) implements UnitProperty {
        public static final long INFINITY = -1;

        @Override
        public String toString() {
            return "Amount[name=" + name + ", value=" + Long.toUnsignedString(value) + "]";
        }
    }

    /** Type {@code i}. */
    record SignedNumber(String name, int value) implements UnitProperty {}

    /** Type {@code au}. */
    record Pids(String name, List<Integer> value) implements UnitProperty {
        public Pids {
            value = List.copyOf(value);
        }
    }

    /** Type {@code ay}, a mask of processors or memory nodes. */
    record Mask(String name, List<Byte> value) implements UnitProperty {
        public Mask {
            value = List.copyOf(value);
        }
    }

    /** Type {@code as}. */
    record Texts(String name, List<String> value) implements UnitProperty {
        public Texts {
            value = List.copyOf(value);
        }
    }

    /** Type {@code a(st)}: a number for a device. */
    record DeviceNumber(String name, String device, long value) implements UnitProperty {}
}
