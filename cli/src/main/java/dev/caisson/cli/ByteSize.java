package dev.caisson.cli;

import java.util.Locale;

/** Amounts of memory as people write them. Pure. */
final class ByteSize {
    private static final String UNITS = "kmgtp";

    private ByteSize() {}

    /** Bytes: a number with an optional fraction and unit (k, m, g, t, p, each 1024 times the one before, also as "kb" or "KiB"), or -1. */
    static long parse(String flag, String text) throws Failure {
        if (text.equals("-1")) {
            return -1;
        }
        String lower = text.toLowerCase(Locale.ROOT);
        String number = lower.endsWith("ib")
                ? lower.substring(0, lower.length() - 2)
                : lower.endsWith("b") ? lower.substring(0, lower.length() - 1) : lower;
        int unit = number.isEmpty() ? -1 : UNITS.indexOf(number.charAt(number.length() - 1));
        String digits = unit < 0 ? number : number.substring(0, number.length() - 1);
        long factor = 1L << (10 * (unit + 1));
        boolean isNumber = digits.matches("[0-9]{1,19}([.][0-9]{1,9})?");
        double value = isNumber ? Double.parseDouble(digits) * factor : -1;
        if (value < 0 || value > Long.MAX_VALUE) {
            throw new Failure("invalid value for " + flag + ": \"" + text + "\" is not an amount of memory");
        }
        return digits.indexOf('.') < 0 ? Math.multiplyExact(Long.parseLong(digits), factor) : (long) value;
    }
}
