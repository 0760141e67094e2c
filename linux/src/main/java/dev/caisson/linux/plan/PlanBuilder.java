package dev.caisson.linux.plan;

import dev.caisson.linux.plan.LaunchPlan.Code;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Collects the steps of a {@link LaunchPlan}. A step is a system call that must succeed ({@link #call}), one whose failure is
 * a result ({@link #attempt}), or a jump. Not for several threads.
 *
 * <p>The descriptors of {@code monitor/src/plan.h} are open when a plan starts: {@link #NOTE_FD} to {@link #STDERR_FD}.
 */
public final class PlanBuilder {
    private static final int SOCK_FILTER_BYTES = 8;

    /** Where notes go; closed by a successful execve, which is how the listener learns of it. */
    public static final int NOTE_FD = 3;
    /** A pipe that the daemon writes to ({@code Launch.gate}). */
    public static final int GATE_FD = 4;
    /** The process's streams, to be moved to 0, 1 and 2. */
    public static final int STDIN_FD = 5;

    public static final int STDOUT_FD = 6;
    public static final int STDERR_FD = 7;

    /** A place in the plan that jumps can name before it is reached. */
    public static final class Label {
        private int at = -1;
    }

    /** As many as a plain container's init has; more of them are copied. */
    private static final int STEPS = 1024;
    /** Room of that size and more is not sent, but lies behind the data. */
    private static final int LARGE_ROOM = 64;
    /** The first offset of such room while the data still grow. */
    private static final int BEHIND = 1 << 30;

    /** A step's numbers are written as the monitor reads them; a plan has a thousand steps, and each is written once. */
    private int[] words = new int[LaunchPlan.OP_WORDS * STEPS];

    private int ops;
    private final List<String> attempts = new ArrayList<>(STEPS);
    /** What is known at the end only: of a word that names a step or room behind the data, the word and, for a step, its label. */
    private final List<Later> later = new ArrayList<>();

    private record Later(int word, @Nullable Label label) {}

    private final Map<String, Arg.Data> strings = new HashMap<>();
    private final List<LaunchPlan.Region> regions = new ArrayList<>();
    private final List<LaunchPlan.Region> behind = new ArrayList<>();
    private byte[] data = new byte[4096];
    private int dataLength;
    private int room;
    private int slots;

    /**
     * A new slot, zero until something is stored in it.
     *
     * @throws PlanTooLargeException when there are too many
     */
    public Arg.Slot slot() {
        if (slots == LaunchPlan.MAX_SLOTS) {
            throw new PlanTooLargeException("a launch plan has at most " + LaunchPlan.MAX_SLOTS + " slots");
        }
        return new Arg.Slot(slots++);
    }

    /** A call that must succeed; {@code what} says in an error message what was attempted, and on what. */
    public void call(String what, Sys sys, Arg... args) {
        add(Code.CALL, 0, LaunchPlan.NO_SLOT, sys.number(), what, args);
    }

    /** Like {@link #call(String, Sys, Arg...)}, and keeps the result. */
    public void callInto(Arg.Slot dst, String what, Sys sys, Arg... args) {
        add(Code.CALL, 0, dst.index(), sys.number(), what, args);
    }

    /** A call whose failure is ignored. */
    public void attempt(Sys sys, Arg... args) {
        add(Code.CALL, 1, LaunchPlan.NO_SLOT, sys.number(), "", args);
    }

    /** A call whose result, negative errno included, is kept. */
    public void attemptInto(Arg.Slot dst, Sys sys, Arg... args) {
        add(Code.CALL, 1, dst.index(), sys.number(), "", args);
    }

    /** Ends the plan with an error, {@code errno} being a slot with a negative errno or a constant. */
    public void fail(String what, Arg errno) {
        add(Code.FAIL, 0, LaunchPlan.NO_SLOT, 0, what, errno);
    }

    /** Tells the daemon something. */
    public void note(int code, Arg value) {
        add(Code.NOTE, 0, LaunchPlan.NO_SLOT, 0, "", Arg.of(code), value);
    }

    public void jump(Label to) {
        addJump(0, to);
    }

    public void jumpIfEqual(Arg a, Arg b, Label to) {
        addJump(1, to, a, b);
    }

    public void jumpIfNotEqual(Arg a, Arg b, Label to) {
        addJump(2, to, a, b);
    }

    /** Signed comparison. */
    public void jumpIfLess(Arg a, Arg b, Label to) {
        addJump(3, to, a, b);
    }

    public void jumpIfFailed(Arg.Slot result, Label to) {
        addJump(3, to, result, Arg.ZERO);
    }

    /** Makes {@code label} stand for the next step. */
    public void place(Label label) {
        label.at = ops;
    }

    /** Writes the low {@code width} bytes of a value (a pointer, say) into the data. */
    public void store(Arg value, Arg.Data to, int width) {
        add(Code.STORE, 0, LaunchPlan.NO_SLOT, 0, "", value, to, Arg.of(width));
    }

    /** Reads {@code width} bytes of the data; four bytes are taken as signed. */
    public void load(Arg.Slot dst, Arg.Data from, int width) {
        add(Code.LOAD, 0, dst.index(), 0, "", Arg.ZERO, from, Arg.of(width));
    }

    /** Writes a value as decimal text (21 bytes of room, NUL-ended) and keeps the text's length. */
    public void decimal(Arg.Slot length, Arg value, Arg.Data to) {
        add(Code.DECIMAL, 0, length.index(), 0, "", value, to);
    }

    /** {@code dst = value}. */
    public void set(Arg.Slot dst, Arg value) {
        add(Code.MATH, 0, dst.index(), 0, "", value, Arg.ZERO);
    }

    public void add(Arg.Slot dst, Arg a, Arg b) {
        add(Code.MATH, 0, dst.index(), 0, "", a, b);
    }

    public void and(Arg.Slot dst, Arg a, Arg b) {
        add(Code.MATH, 1, dst.index(), 0, "", a, b);
    }

    public void or(Arg.Slot dst, Arg a, Arg b) {
        add(Code.MATH, 2, dst.index(), 0, "", a, b);
    }

    /** Zeroed room in the data, 8-byte aligned. */
    public Arg.Data room(int bytes) {
        if (bytes >= LARGE_ROOM) {
            int at = aligned(room);
            room = at + bytes;
            behind.add(new LaunchPlan.Region(at, bytes, false));
            return new Arg.Data(BEHIND + at);
        }
        return take(bytes, false);
    }

    /** These bytes in the data, 8-byte aligned. */
    public Arg.Data bytes(byte[] value) {
        Arg.Data at = take(value.length, true);
        System.arraycopy(value, 0, data, at.offset(), value.length);
        return at;
    }

    private Arg.Data take(int bytes, boolean isFilled) {
        int at = aligned(dataLength);
        reserve(at + bytes);
        dataLength = at + bytes;
        regions.add(new LaunchPlan.Region(at, bytes, isFilled));
        return new Arg.Data(at);
    }

    private static int aligned(int offset) {
        return (offset + 7) & ~7;
    }

    /** A NUL-ended UTF-8 string; equal strings share their bytes. Steps must not write to it. */
    public Arg.Data string(String value) {
        Arg.Data known = strings.get(value);
        if (known != null) {
            return known;
        }
        byte[] utf8 = value.getBytes(StandardCharsets.UTF_8);
        reserve(dataLength + utf8.length + 1);
        Arg.Data at = new Arg.Data(dataLength);
        System.arraycopy(utf8, 0, data, dataLength, utf8.length);
        dataLength += utf8.length + 1;
        strings.put(value, at);
        return at;
    }

    /** A null-ended array of string pointers, as execve takes them; the pointers are made when the plan runs. */
    public Arg.Data stringArray(List<String> values) {
        Arg.Data at = room(8 * (values.size() + 1));
        for (int i = 0; i < values.size(); i++) {
            store(string(values.get(i)), at.plus(8 * i), 8);
        }
        return at;
    }

    /**
     * What seccomp(2) takes a filter by, a {@code struct sock_fprog}.
     *
     * @param program an array of {@code struct sock_filter}
     */
    public Arg.Data filter(byte[] program) {
        Arg.Data instructions = bytes(program);
        Arg.Data fprog = struct(8, program.length / SOCK_FILTER_BYTES, 8, 0);
        store(instructions, fprog.plus(8), 8);
        return fprog;
    }

    /** Little-endian numbers of the given widths in a row, such as a kernel structure. */
    public Arg.Data struct(long... widthsAndValues) {
        int length = 0;
        for (int i = 0; i < widthsAndValues.length; i += 2) {
            length += (int) widthsAndValues[i];
        }
        Arg.Data at = take(length, true);
        int to = at.offset();
        for (int i = 0; i < widthsAndValues.length; i += 2) {
            put(to, widthsAndValues[i + 1], (int) widthsAndValues[i]);
            to += (int) widthsAndValues[i];
        }
        return at;
    }

    private void put(int at, long value, int width) {
        int to = at;
        for (long rest = value; rest != 0 && to < at + width; rest >>>= 8) {
            data[to++] = (byte) rest;
        }
    }

    /** The finished plan; every jump's label must have been placed. Nothing can be added afterwards. */
    public LaunchPlan build() {
        int dataEnd = aligned(dataLength);
        reserve(dataEnd);
        for (Later l : later) {
            if (l.label == null) {
                words[l.word] += dataEnd - BEHIND;
            } else if (l.label.at < 0) {
                throw new IllegalStateException(
                        "step " + l.word / LaunchPlan.OP_WORDS + " jumps to a label that was never placed");
            } else {
                words[l.word] = l.label.at;
            }
        }
        List<LaunchPlan.Region> all = new ArrayList<>(regions);
        for (LaunchPlan.Region r : behind) {
            all.add(new LaunchPlan.Region(dataEnd + r.offset(), r.length(), false));
        }
        return new LaunchPlan(words, ops, attempts, Arrays.copyOf(data, dataEnd), room, slots, all);
    }

    private void addJump(int flags, Label to, Arg... args) {
        later.add(new Later(ops * LaunchPlan.OP_WORDS + LaunchPlan.ARGS + LaunchPlan.JUMP_TARGET, to));
        add(Code.JUMP, flags, LaunchPlan.NO_SLOT, 0, "", args);
    }

    private void add(Code code, int flags, int dst, int nr, String what, Arg... args) {
        int at = ops * LaunchPlan.OP_WORDS;
        if (at == words.length) {
            words = Arrays.copyOf(words, 2 * at);
        }
        int kinds = 0;
        for (int i = 0; i < args.length; i++) {
            int kind = args[i].kind;
            long value = args[i].wire;
            if (kind == Arg.CONST && value != (int) value) {
                kind = Arg.WIDE;
                value = wide(value);
            } else if (kind == Arg.DATA && value >= BEHIND) {
                later.add(new Later(at + LaunchPlan.ARGS + i, null));
            }
            kinds |= kind << (2 * i);
            words[at + LaunchPlan.ARGS + i] = (int) value;
        }
        words[at] = code.wire | flags << 8 | dst << 16;
        words[at + 1] = nr | kinds << 16 | args.length << 28;
        ops++;
        attempts.add(what);
    }

    /** Where a constant lies that has more than 32 bits. */
    private int wide(long value) {
        int at = aligned(dataLength);
        reserve(at + Long.BYTES);
        put(at, value, Long.BYTES);
        dataLength = at + Long.BYTES;
        return at;
    }

    private void reserve(int size) {
        if (size > data.length) {
            data = Arrays.copyOf(data, Math.max(size, 2 * data.length));
        }
    }
}
