package dev.caisson.trap.filter;

import dev.caisson.linux.Errno;
import dev.caisson.linux.bpf.SeccompAction;
import dev.caisson.linux.bpf.SeccompData;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The one source of what becomes of each system call: filter, dispatcher and documentation are made from {@code calls.tsv}. Its columns are the
 * components of {@link SystemCall}; {@code -} stands for none.
 *
 * <p>Besides the table: a call of another architecture kills the process (there is no program for it in a container), a call of the x32 ABI and
 * a number that the table does not have get ENOSYS, which C libraries take for an older kernel.
 */
public final class CallTable {
    private static final int COLUMNS = 12;
    private static final CallTable INSTANCE = load();

    private final List<SystemCall> calls;
    private final @Nullable SystemCall[] byNumber;

    private CallTable(List<SystemCall> calls) {
        this.calls = List.copyOf(calls);
        this.byNumber = new SystemCall[calls.getLast().number() + 1];
        for (SystemCall call : calls) {
            byNumber[call.number()] = call;
        }
    }

    /** All rows, by number. */
    public static List<SystemCall> calls() {
        return INSTANCE.calls;
    }

    /** The row of a number, or null. */
    public static @Nullable SystemCall call(int number) {
        return number < 0 || number >= INSTANCE.byNumber.length ? null : INSTANCE.byNumber[number];
    }

    /** What a tier's filter has to return for a call, by walking the table: slow and plain. */
    public static int evaluate(Tier tier, SeccompData data) {
        if (data.arch() != SeccompData.AUDIT_ARCH_X86_64) {
            return SeccompAction.KILL_PROCESS.value();
        }
        SystemCall call = call(data.nr());
        if (call == null) {
            return SeccompAction.ERRNO.value(Errno.ENOSYS.number());
        }
        Verdict verdict = call.verdict(tier);
        if (verdict.isNative() && call.rule() != null && !call.rule().holds(data)) {
            verdict = call.otherwise();
        }
        return verdict.value();
    }

    private static CallTable load() {
        String text;
        try (InputStream in = Objects.requireNonNull(CallTable.class.getResourceAsStream("calls.tsv"), "calls.tsv")) {
            text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException("read calls.tsv", e);
        }
        List<SystemCall> calls = new ArrayList<>();
        for (String line : text.split("\n", -1)) {
            if (!line.isEmpty() && !line.startsWith("#")) {
                calls.add(row(line));
            }
        }
        return new CallTable(calls);
    }

    private static SystemCall row(String line) {
        String[] cells = line.split("\t", -1);
        if (cells.length != COLUMNS) {
            throw new IllegalStateException("calls.tsv: not " + COLUMNS + " columns: " + line);
        }
        Map<Tier, Verdict> verdicts = new EnumMap<>(Tier.class);
        int column = 3;
        for (Tier tier : Tier.values()) {
            verdicts.put(tier, Verdict.parse(cells[column++]));
        }
        return new SystemCall(
                Integer.parseInt(cells[0]),
                cells[1],
                cells[2],
                verdicts,
                cells[7].equals("-") ? null : ArgRule.parse(cells[7]),
                cells[8].equals("-") ? Verdict.parse("ENOSYS") : Verdict.parse(cells[8]),
                cells[9].equals("-") ? null : cells[9],
                Holding.parse(cells[10]),
                cells[11].equals("-") ? "" : cells[11]);
    }
}
