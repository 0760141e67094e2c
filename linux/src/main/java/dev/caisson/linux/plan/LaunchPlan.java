package dev.caisson.linux.plan;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * An immutable list of steps with their data. Built by {@link PlanBuilder}, encoded for {@code monitor/src/plan.c}, dumped
 * for people and golden files.
 */
public final class LaunchPlan {
    static final int MAGIC = 0x4e4c5043;
    static final int VERSION = 1;
    static final int HEADER_BYTES = 16;
    static final int OP_BYTES = 64;
    static final int MAX_SLOTS = 4096;
    private static final int SHOWN_BYTES = 96;
    static final int NO_SLOT = 0xffff;

    /** What a step does; ordinals are the wire codes of plan.h. */
    enum Code {
        CALL,
        JUMP,
        STORE,
        LOAD,
        DECIMAL,
        NOTE,
        MATH,
        FAIL
    }

    /** A piece of the data, for {@link #dump}: how long it is, and whether it is filled from the beginning. */
    record Region(int length, boolean filled) {}

    /** A step; not a record, whose array would be compared by identity. */
    static final class Op {
        private final Code code;
        private final int flags;
        private final int dst;
        private final int nr;
        private final Arg[] args;
        private final String what;

        Op(Code code, int flags, int dst, int nr, Arg[] args, String what) {
            this.code = code;
            this.flags = flags;
            this.dst = dst;
            this.nr = nr;
            this.args = args;
            this.what = what;
        }

        /** The same jump to another step. */
        Op to(int step) {
            return new Op(code, flags, dst, step, args, what);
        }
    }

    private final List<Op> ops;
    private final byte[] data;
    private final int slots;
    private final Map<Integer, Region> regions;

    /** @param ops not changed any more, nor {@code regions} */
    LaunchPlan(List<Op> ops, byte[] data, int slots, Map<Integer, Region> regions) {
        this.ops = Collections.unmodifiableList(ops);
        this.data = data;
        this.slots = slots;
        this.regions = regions;
    }

    /** What step {@code index} attempts and on what, for an error message; null when there is no such step. */
    public @Nullable String describe(int index) {
        return index >= 0 && index < ops.size() ? ops.get(index).what : null;
    }

    /** The bytes that the monitor plays; see plan.h for the layout. */
    public byte[] encode() {
        return encodeAfter();
    }

    /** As {@link #encode}, behind other bytes: a plan is large, and sent with something in front. */
    public byte[] encodeAfter(byte... head) {
        byte[] out = Arrays.copyOf(head, head.length + HEADER_BYTES + ops.size() * OP_BYTES + data.length);
        int at = head.length;
        put(out, at, MAGIC, 4);
        put(out, at + 4, VERSION, 2);
        put(out, at + 6, slots, 2);
        put(out, at + 8, ops.size(), 4);
        put(out, at + 12, data.length, 4);
        at += HEADER_BYTES;
        for (int i = 0; i < ops.size(); i++) {
            encode(ops.get(i), out, at);
            at += OP_BYTES;
        }
        System.arraycopy(data, 0, out, at, data.length);
        return out;
    }

    private static void encode(Op op, byte[] out, int at) {
        out[at] = (byte) code(op.code);
        out[at + 1] = (byte) op.flags;
        put(out, at + 2, op.dst, 2);
        put(out, at + 4, op.nr, 4);
        int kinds = 0;
        Arg[] args = op.args;
        for (int i = 0; i < args.length; i++) {
            Arg arg = args[i];
            kinds |= arg.kind() << (4 * i);
            put(out, at + 16 + 8 * i, arg.wire(), 8);
        }
        put(out, at + 8, kinds, 4);
    }

    /** Little-endian, over zeros. By hand: a plan has thousands of numbers, most of them small, and a ByteBuffer takes three times as long. */
    private static void put(byte[] out, int at, long value, int width) {
        int to = at;
        for (long rest = value; rest != 0 && to < at + width; rest >>>= 8) {
            out[to++] = (byte) rest;
        }
    }

    private static int code(Code code) {
        return switch (code) {
            case CALL -> 0;
            case JUMP -> 1;
            case STORE -> 2;
            case LOAD -> 3;
            case DECIMAL -> 4;
            case NOTE -> 5;
            case MATH -> 6;
            case FAIL -> 7;
        };
    }

    /** The plan in the manner of strace, one step a line; stable, so that it can be compared with a reviewed file. */
    public String dump() {
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < ops.size(); i++) {
            Op op = ops.get(i);
            out.append(i).append('\t');
            if (op.dst != NO_SLOT) {
                out.append('r').append(op.dst).append(" = ");
            }
            switch (op.code) {
                case CALL -> {
                    out.append(callName(op.nr)).append('(');
                    appendArgs(out, op.args);
                    out.append(op.flags == 1 ? ")?" : ")");
                }
                case JUMP -> {
                    String[] names = {"always", "==", "!=", "<"};
                    out.append("goto ").append(op.nr);
                    if (op.flags != 0) {
                        out.append(" if ");
                        appendArg(out, op.args[0]);
                        out.append(' ').append(names[op.flags]).append(' ');
                        appendArg(out, op.args[1]);
                    }
                }
                case STORE, LOAD, DECIMAL -> appendTransfer(out, op);
                case NOTE, MATH, FAIL -> {
                    out.append(op.code.name().toLowerCase(java.util.Locale.ROOT))
                            .append('(');
                    appendArgs(out, op.args);
                    out.append(')');
                }
            }
            if (!op.what.isEmpty()) {
                out.append("\t# ").append(op.what);
            }
            out.append('\n');
        }
        return out.toString();
    }

    /** The place in the data as a distance from the beginning of its piece. */
    private void appendTransfer(StringBuilder out, Op op) {
        out.append(op.code.name().toLowerCase(java.util.Locale.ROOT)).append('(');
        if (op.code != Code.LOAD) {
            appendArg(out, op.args[0]);
            out.append(", ");
        }
        int offset = (int) ((Arg.Const) op.args[1]).value();
        Map.Entry<Integer, Region> region = sortedRegions().floorEntry(offset);
        if (region != null && offset < region.getKey() + region.getValue().length) {
            out.append("(").append(region.getValue().length).append(")+").append(offset - region.getKey());
        } else {
            out.append(offset);
        }
        if (op.args.length > 2) {
            out.append(", ");
            appendArg(out, op.args[2]);
        }
        out.append(')');
    }

    private NavigableMap<Integer, Region> sortedRegions() {
        return new TreeMap<>(regions);
    }

    private static String callName(int nr) {
        for (Sys s : Sys.values()) {
            if (s.number() == nr) {
                return s.kernelName();
            }
        }
        return "syscall_" + nr;
    }

    private void appendArgs(StringBuilder out, Arg... args) {
        for (int i = 0; i < args.length; i++) {
            if (i > 0) {
                out.append(", ");
            }
            appendArg(out, args[i]);
        }
    }

    private void appendArg(StringBuilder out, Arg arg) {
        switch (arg) {
            case Arg.Const c -> {
                if (c.value() > 4096) {
                    out.append("0x").append(Long.toHexString(c.value()));
                } else {
                    out.append(c.value());
                }
            }
            case Arg.Slot s -> out.append('r').append(s.index());
            case Arg.Data d -> appendData(out, d.offset());
        }
    }

    private void appendRegion(StringBuilder out, int offset, Region region) {
        if (!region.filled) {
            out.append("&room(").append(region.length).append(')');
        } else if (region.length > SHOWN_BYTES) {
            out.append("&bytes(").append(region.length).append(')');
        } else {
            out.append('{');
            for (int at = 0; at < region.length; at += 8) {
                out.append(at == 0 ? "" : " ");
                int end = Math.min(at + 8, region.length);
                StringBuilder word = new StringBuilder();
                for (int i = end - 1; i >= at; i--) {
                    if (!word.isEmpty() || data[offset + i] != 0) {
                        word.append(HexFormat.of().toHexDigits(data[offset + i]));
                    }
                }
                out.append(word.isEmpty() ? "0" : word);
            }
            out.append('}');
        }
    }

    /** A printable NUL-ended string is shown, and what else is short; room to write to by its size; the inside of a piece by its offset. */
    private void appendData(StringBuilder out, int offset) {
        Region region = regions.get(offset);
        if (region != null) {
            appendRegion(out, offset, region);
            return;
        }
        int end = offset;
        while (end < data.length && data[end] >= 0x20 && data[end] < 0x7f) {
            end++;
        }
        if (end > offset && end < data.length && data[end] == 0) {
            out.append('"')
                    .append(new String(data, offset, end - offset, StandardCharsets.US_ASCII))
                    .append('"');
        } else {
            out.append('&').append(offset);
        }
    }
}
