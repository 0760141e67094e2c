package dev.caisson.cli;

import java.util.List;
import java.util.Locale;

/** Names of signals, as kill(1) knows them on Linux for x86-64 (signal(7)). */
final class Signals {
    private static final List<String> NAMES = List.of(
            "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM",
            "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF",
            "WINCH", "IO", "PWR", "SYS");
    private static final int MOST = 64;
    /** glibc's: it keeps 32 and 33 for itself. */
    private static final int RTMIN = 34;

    private Signals() {}

    /** The number of a signal that is given by number or name, with or without SIG, in any case. */
    static int parse(String text) throws Failure {
        int number = number(text.toUpperCase(Locale.ROOT));
        if (number < 1 || number > MOST) {
            throw new Failure("unknown signal \"" + text + "\"");
        }
        return number;
    }

    private static int number(String text) {
        if (!text.isEmpty() && text.length() < 4 && text.chars().allMatch(c -> c >= '0' && c <= '9')) {
            return Integer.parseInt(text);
        }
        String name = text.startsWith("SIG") ? text.substring(3) : text;
        if (name.equals("RTMIN") || name.startsWith("RTMIN+")) {
            return RTMIN + offset(name, 6);
        }
        if (name.equals("RTMAX") || name.startsWith("RTMAX-")) {
            return MOST - offset(name, 6);
        }
        return switch (name) {
            case "IOT" -> 6;
            case "POLL" -> 29;
            case "CLD" -> 17;
            default -> NAMES.indexOf(name) + 1;
        };
    }

    private static int offset(String name, int from) {
        String digits = name.length() < from ? "" : name.substring(from);
        boolean isNumber = digits.length() < 3 && digits.chars().allMatch(c -> c >= '0' && c <= '9');
        return digits.isEmpty() && name.length() < from
                ? 0
                : isNumber && !digits.isEmpty() ? Integer.parseInt(digits) : 2 * MOST;
    }
}
