package dev.caisson.trap.filter;

import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * One row of the table.
 *
 * @param group what it is about
 * @param rule what its arguments must be where the verdict is native; null for any
 * @param otherwise the verdict when they are not
 * @param handler name of what answers it when it is trapped; null: nothing does yet, and it fails with ENOSYS
 * @param holds what it leaves behind that the sandbox process is charged for
 * @param limitation where it differs from Linux, in words; empty if it does not
 */
public record SystemCall(
        int number,
        String name,
        String group,
        Map<Tier, Verdict> verdicts,
        @Nullable ArgRule rule,
        Verdict otherwise,
        @Nullable String handler,
        Holding holds,
        String limitation) {
    public SystemCall {
        verdicts = Map.copyOf(verdicts);
    }

    /** What happens to it in a tier, arguments permitting. */
    public Verdict verdict(Tier tier) {
        return Objects.requireNonNull(verdicts.get(tier));
    }
}
