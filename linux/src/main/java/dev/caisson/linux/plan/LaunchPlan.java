package dev.caisson.linux.plan;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * An immutable list of steps with their data. Built by {@link PlanBuilder}, encoded for {@code monitor/src/plan.c}, dumped
 * for people and golden files.
 */
public final class LaunchPlan {
    static final int MAGIC = 0x4e4c5043;
    static final int VERSION = 2;
    static final int HEADER_BYTES = 24;
    /** A step has two words of its own and six arguments. */
    static final int OP_WORDS = 8;

    static final int ARGS = 2;
    /** The argument of a jump that names the step. */
    static final int JUMP_TARGET = 2;

    static final int MAX_SLOTS = 4096;
    private static final int SHOWN_BYTES = 96;
    static final int NO_SLOT = 0xffff;

    /** What a step does, with plan.h's codes, which count from 0. */
    enum Code {
        CALL(0),
        JUMP(1),
        STORE(2),
        LOAD(3),
        DECIMAL(4),
        NOTE(5),
        MATH(6),
        FAIL(7);

        final int wire;

        Code(int wire) {
            this.wire = wire;
        }
    }

    private static final Code[] CODES = Code.values();

    /** A piece of the data, for {@link #dump}: where it is, how long, and whether it is filled from the beginning. */
    record Region(int offset, int length, boolean filled) {}

    private final int[] words;
    private final int ops;
    private final List<String> attempts;
    private final byte[] data;
    private final int room;
    private final int slots;
    private final List<Region> regions;

    /**
     * Nothing of it is changed any more.
     *
     * @param words the steps as plan.h has them, and more behind them
     * @param ops how many there are
     * @param attempts what each step attempts, empty where nobody asks
     * @param room how many zeros follow the data
     * @param regions by their offsets
     */
    LaunchPlan(int[] words, int ops, List<String> attempts, byte[] data, int room, int slots, List<Region> regions) {
        this.words = words;
        this.ops = ops;
        this.attempts = Collections.unmodifiableList(attempts);
        this.data = data;
        this.room = room;
        this.slots = slots;
        this.regions = Collections.unmodifiableList(regions);
    }

    /** What step {@code index} attempts and on what, for an error message; null when there is no such step. */
    public @Nullable String describe(int index) {
        return index >= 0 && index < attempts.size() ? attempts.get(index) : null;
    }

    /** The bytes that the monitor plays; see plan.h for the layout. */
    public byte[] encode() {
        return encodeAfter();
    }

    /** As {@link #encode}, behind other bytes: a plan is large, and sent with something in front. */
    public byte[] encodeAfter(byte... head) {
        byte[] out = Arrays.copyOf(head, head.length + HEADER_BYTES + ops * OP_WORDS * Integer.BYTES + data.length);
        ByteBuffer to = ByteBuffer.wrap(out).order(ByteOrder.LITTLE_ENDIAN).position(head.length);
        to.putInt(MAGIC).putShort((short) VERSION).putShort((short) slots);
        to.putInt(ops).putInt(data.length).putInt(room).putInt(0);
        to.asIntBuffer().put(words, 0, ops * OP_WORDS);
        System.arraycopy(data, 0, out, out.length - data.length, data.length);
        return out;
    }

    /** The arguments of the step whose words begin at {@code at}, as they were given. */
    private Arg[] args(int at) {
        Arg[] args = new Arg[words[at + 1] >>> 28];
        for (int i = 0; i < args.length; i++) {
            int value = words[at + ARGS + i];
            args[i] = switch (words[at + 1] >>> (16 + 2 * i) & 3) {
                case Arg.DATA -> new Arg.Data(value);
                case Arg.SLOT -> new Arg.Slot(value);
                case Arg.WIDE ->
                    Arg.of(ByteBuffer.wrap(data).order(ByteOrder.LITTLE_ENDIAN).getLong(value));
                default -> Arg.of(value);
            };
        }
        return args;
    }

    /** The plan in the manner of strace, one step a line; stable, so that it can be compared with a reviewed file. */
    public String dump() {
        StringBuilder out = new StringBuilder();
        for (int at = 0; at < ops * OP_WORDS; at += OP_WORDS) {
            Code code = CODES[words[at] & 0xff];
            int flags = words[at] >>> 8 & 0xff;
            int dst = words[at] >>> 16;
            Arg[] args = args(at);
            out.append(at / OP_WORDS).append('\t');
            if (dst != NO_SLOT) {
                out.append('r').append(dst).append(" = ");
            }
            switch (code) {
                case CALL -> {
                    out.append(callName(words[at + 1] & 0xffff)).append('(');
                    appendArgs(out, args);
                    out.append(flags == 1 ? ")?" : ")");
                }
                case JUMP -> {
                    String[] names = {"always", "==", "!=", "<"};
                    out.append("goto ").append(words[at + ARGS + JUMP_TARGET]);
                    if (flags != 0) {
                        out.append(" if ");
                        appendArg(out, args[0]);
                        out.append(' ').append(names[flags]).append(' ');
                        appendArg(out, args[1]);
                    }
                }
                case STORE, LOAD, DECIMAL -> appendTransfer(out, code, args);
                case NOTE, MATH, FAIL -> {
                    out.append(name(code)).append('(');
                    appendArgs(out, args);
                    out.append(')');
                }
            }
            String what = attempts.get(at / OP_WORDS);
            if (!what.isEmpty()) {
                out.append("\t# ").append(what);
            }
            out.append('\n');
        }
        return out.toString();
    }

    private static String name(Code code) {
        return code.name().toLowerCase(java.util.Locale.ROOT);
    }

    /** The place in the data as a distance from the beginning of its piece. */
    private void appendTransfer(StringBuilder out, Code code, Arg... args) {
        out.append(name(code)).append('(');
        if (code != Code.LOAD) {
            appendArg(out, args[0]);
            out.append(", ");
        }
        appendPlace(out, (int) args[1].wire);
        if (args.length > 2) {
            out.append(", ");
            appendArg(out, args[2]);
        }
        out.append(')');
    }

    private void appendPlace(StringBuilder out, int offset) {
        Region region = regionAround(offset);
        if (region == null) {
            out.append(offset);
        } else {
            out.append("(").append(region.length).append(")+").append(offset - region.offset);
        }
    }

    private @Nullable Region regionAround(int offset) {
        for (Region r : regions) {
            if (offset >= r.offset && offset < r.offset + r.length) {
                return r;
            }
        }
        return null;
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

    private void appendRegion(StringBuilder out, Region region) {
        int offset = region.offset;
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

    /** A printable NUL-ended string is shown, and what else is short; room to write to by its size; the inside of a piece by its distance. */
    private void appendData(StringBuilder out, int offset) {
        Region region = regionAround(offset);
        if (region != null && region.offset == offset) {
            appendRegion(out, region);
            return;
        }
        if (region != null) {
            out.append('&');
            appendPlace(out, offset);
            return;
        }
        int end = offset;
        while (end < data.length && data[end] >= 0x20 && data[end] < 0x7f) {
            end++;
        }
        if (end < data.length && data[end] == 0) {
            out.append('"')
                    .append(new String(data, offset, end - offset, StandardCharsets.US_ASCII))
                    .append('"');
        } else {
            out.append('&').append(offset);
        }
    }
}
