package dev.caisson.trap.filter;

import java.util.Set;

/**
 * What a tier lets a guest cause on the host's kernel, counted in the table; the native part is measured on installed filters by TrapSurfaceTest.
 *
 * @param natives done by the host's kernel without anybody looking
 * @param ruled those of them that depend on arguments
 * @param continued stopped, looked at here, and then done by the host's kernel in the container's namespaces
 * @param answered stopped and answered here; the limitations say for which kinds of files some of them are continued
 * @param refused failed by the filter
 */
public record Surface(int natives, int ruled, int continued, int answered, int refused) {
    /** Handlers that end with the kernel doing it, always or when nothing speaks against it. */
    private static final Set<String> CONTINUING = Set.of(
            "continue",
            "pass",
            "signalfd",
            "exec",
            "execveat",
            "chdir",
            "fchdir",
            "fcntl",
            "flock",
            "clone",
            "connect",
            "bind",
            "sendto",
            "sendmsg",
            "sendmmsg");

    /** Counts a tier. */
    public static Surface of(Tier tier) {
        int[] counts = new int[5];
        for (SystemCall call : CallTable.calls()) {
            switch (call.verdict(tier).kind()) {
                case NATIVE -> {
                    counts[0]++;
                    counts[1] += call.rule() == null ? 0 : 1;
                }
                case TRAP -> counts[isContinued(call) ? 2 : 3]++;
                case REFUSE -> counts[4]++;
            }
        }
        return new Surface(counts[0], counts[1], counts[2], counts[3], counts[4]);
    }

    /** Whether the kernel does it after it was looked at here. */
    static boolean isContinued(SystemCall call) {
        return call.handler() != null && CONTINUING.contains(call.handler());
    }

    /** In words, for {@code features}. */
    public String text() {
        return natives + " native, " + ruled + " of them under argument rules; " + continued
                + " continued after a look; " + answered + " answered; " + refused + " refused";
    }
}
