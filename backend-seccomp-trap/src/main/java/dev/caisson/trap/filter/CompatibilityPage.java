package dev.caisson.trap.filter;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Writes the page for people, {@code docs/compatibility.md}, from the table. */
public final class CompatibilityPage {
    private CompatibilityPage() {}

    /** The page, in Markdown. */
    public static String text() {
        StringBuilder out = new StringBuilder("""
                # System calls behind the seccomp-trap wall

                Made from `backend-seccomp-trap/src/main/resources/dev/caisson/trap/filter/calls.tsv`; a test compares the two.

                - *native*: the host's kernel does it, if its arguments are as the rule says; otherwise the last column's verdict applies.
                - *trap*: the call stops, and the sandbox process answers it with the caller's rights in the container's mounts and network. In `strict`
                  reads and writes are done there too, on the caller's open file; a call that has to wait holds no thread, and a signal ends it as
                  it would on Linux, within 50 ms.
                - *continue*: the sandbox process looks at it and lets the host's kernel do it in the container's namespaces.
                - *not yet*: trapped and refused with ENOSYS, because nothing answers it in this version.
                - an errno: refused.

                Numbers that are not listed and the x32 ABI get ENOSYS; a 32-bit call kills its process.

                | tier | native | of these with rules | continued | answered | refused |
                | --- | --- | --- | --- | --- | --- |
                """);
        for (Tier tier : Tier.values()) {
            Surface surface = Surface.of(tier);
            out.append("| %s | %d | %d | %d | %d | %d |%n"
                    .formatted(
                            tier.word(),
                            surface.natives(),
                            surface.ruled(),
                            surface.continued(),
                            surface.answered(),
                            surface.refused()));
        }
        Map<String, List<SystemCall>> groups = new TreeMap<>();
        for (SystemCall call : CallTable.calls()) {
            groups.computeIfAbsent(call.group(), _ -> new ArrayList<>()).add(call);
        }
        groups.forEach((group, calls) -> {
            out.append("\n## ").append(group).append("\n\n");
            out.append(
                    "| number | call | fast | default | hardened | strict | differs from Linux | rule for native | else |\n");
            out.append("| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
            calls.forEach(call -> row(out, call));
        });
        return out.toString();
    }

    private static void row(StringBuilder out, SystemCall call) {
        out.append("| ").append(call.number()).append(" | ").append(call.name());
        for (Tier tier : Tier.values()) {
            out.append(" | ").append(word(call, call.verdict(tier)));
        }
        out.append(" | ").append(call.limitation());
        ArgRule rule = call.rule();
        out.append(" | ").append(rule == null ? "" : "`" + rule.text().replace(" | ", "` or `") + "`");
        out.append(" | ")
                .append(rule == null ? "" : word(call, call.otherwise()))
                .append(" |\n");
    }

    private static String word(SystemCall call, Verdict verdict) {
        if (verdict.kind() != Verdict.Kind.TRAP) {
            return verdict.word();
        }
        String handler = call.handler();
        return handler == null ? "not yet" : Surface.isContinued(call) ? "continue" : "trap";
    }
}
