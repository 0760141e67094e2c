package dev.caisson.linux.plan;

import dev.caisson.linux.plan.LaunchPlan.Code;
import dev.caisson.linux.plan.LaunchPlan.Op;
import java.io.ByteArrayOutputStream;
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

    private final List<Op> ops = new ArrayList<>();
    /** Where each step jumps to; null for what is no jump. */
    private final List<@Nullable Label> targets = new ArrayList<>();

    private final Map<String, Arg.Data> strings = new HashMap<>();
    private final Map<Integer, LaunchPlan.Region> regions = new HashMap<>();
    private byte[] data = new byte[4096];
    private int dataLength;
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
        label.at = ops.size();
    }

    /** Writes the low {@code width} bytes of a value (a pointer, say) into the data. */
    public void store(Arg value, Arg.Data to, int width) {
        add(Code.STORE, 0, LaunchPlan.NO_SLOT, 0, "", value, Arg.of(to.offset()), Arg.of(width));
    }

    /** Reads {@code width} bytes of the data; four bytes are taken as signed. */
    public void load(Arg.Slot dst, Arg.Data from, int width) {
        add(Code.LOAD, 0, dst.index(), 0, "", Arg.ZERO, Arg.of(from.offset()), Arg.of(width));
    }

    /** Writes a value as decimal text (21 bytes of room, NUL-ended) and keeps the text's length. */
    public void decimal(Arg.Slot length, Arg value, Arg.Data to) {
        add(Code.DECIMAL, 0, length.index(), 0, "", value, Arg.of(to.offset()));
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
        int at = (dataLength + 7) & ~7;
        reserve(at + bytes);
        dataLength = at + bytes;
        regions.put(at, new LaunchPlan.Region(bytes, false));
        return new Arg.Data(at);
    }

    /** These bytes in the data, 8-byte aligned. */
    public Arg.Data bytes(byte[] value) {
        Arg.Data at = room(value.length);
        System.arraycopy(value, 0, data, at.offset(), value.length);
        regions.put(at.offset(), new LaunchPlan.Region(value.length, true));
        return at;
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

    /** Little-endian numbers of the given widths in a row, such as a kernel structure. */
    public Arg.Data struct(long... widthsAndValues) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (int i = 0; i < widthsAndValues.length; i += 2) {
            long value = widthsAndValues[i + 1];
            for (int b = 0; b < widthsAndValues[i]; b++) {
                out.write((int) (value >>> (8 * b)));
            }
        }
        return bytes(out.toByteArray());
    }

    /** The finished plan; every jump's label must have been placed. */
    public LaunchPlan build() {
        List<Op> done = new ArrayList<>(ops);
        for (int i = 0; i < done.size(); i++) {
            Label label = targets.get(i);
            if (label == null) {
                continue;
            }
            if (label.at < 0) {
                throw new IllegalStateException("step " + i + " jumps to a label that was never placed");
            }
            done.set(i, done.get(i).to(label.at));
        }
        return new LaunchPlan(done, Arrays.copyOf(data, dataLength), slots, new HashMap<>(regions));
    }

    private void addJump(int flags, Label to, Arg... args) {
        ops.add(new Op(Code.JUMP, flags, LaunchPlan.NO_SLOT, 0, args, ""));
        targets.add(to);
    }

    private void add(Code code, int flags, int dst, int nr, String what, Arg... args) {
        ops.add(new Op(code, flags, dst, nr, args, what));
        targets.add(null);
    }

    private void reserve(int size) {
        if (size > data.length) {
            data = Arrays.copyOf(data, Math.max(size, 2 * data.length));
        }
    }
}
