package dev.caisson.trap.filter;

import dev.caisson.linux.bpf.SeccompData;
import java.util.ArrayList;
import java.util.List;

/**
 * Which arguments a call may have to be done natively. In the table:
 *
 * <pre>
 *   rule      = all { " | " all }                 one of them has to hold
 *   all       = condition { " &amp; " condition }
 *   condition = argument [ " drop " values ] " in " values     the argument, without the dropped bits, is one of the values
 *             | argument " mask " values                       the argument has no bit but these
 *   argument  = ( "int" | "long" ) digit           int: the kernel looks at the low 32 bits only
 *   values    = value { "," value }                numbers, or names that {@link KernelNames} knows
 * </pre>
 *
 * <p>A filter that looked at all 64 bits of what the kernel takes for 32 could be deceived by the upper ones, as filters of TIOCSTI have
 * been.
 *
 * @param text as written in the table
 */
public record ArgRule(String text, List<List<Condition>> alternatives) {
    public ArgRule {
        alternatives = alternatives.stream().map(List::copyOf).toList();
    }

    /**
     * One condition.
     *
     * @param index which argument
     * @param wide whether all 64 bits count
     * @param mask bits that are compared
     * @param values what the compared bits may be; a "mask" condition has the only value 0 and the complement for its mask
     */
    public record Condition(int index, boolean wide, long mask, List<Long> values) {
        public Condition {
            values = List.copyOf(values);
        }

        boolean holds(SeccompData call) {
            long arg = wide ? call.arg(index) : call.arg(index) & 0xffff_ffffL;
            return values.contains(arg & mask);
        }
    }

    /** Whether a call may go on natively. */
    public boolean holds(SeccompData call) {
        for (List<Condition> all : alternatives) {
            boolean holds = true;
            for (Condition condition : all) {
                holds &= condition.holds(call);
            }
            if (holds) {
                return true;
            }
        }
        return false;
    }

    static ArgRule parse(String text) {
        List<List<Condition>> alternatives = new ArrayList<>();
        for (String alternative : text.split(" [|] ", -1)) {
            List<Condition> all = new ArrayList<>();
            for (String condition : alternative.split(" & ", -1)) {
                all.add(condition(condition));
            }
            alternatives.add(all);
        }
        return new ArgRule(text, alternatives);
    }

    private static Condition condition(String text) {
        String[] words = text.split(" ", -1);
        boolean wide = words[0].startsWith("long");
        int index = words[0].charAt(words[0].length() - 1) - '0';
        long all = wide ? -1L : 0xffff_ffffL;
        if (words.length == 3 && words[1].equals("mask")) {
            return new Condition(index, wide, all & ~bits(words[2]), List.of(0L));
        }
        if (words.length == 3 && words[1].equals("in")) {
            return new Condition(index, wide, all, values(words[2]));
        }
        if (words.length == 5 && words[1].equals("drop") && words[3].equals("in")) {
            return new Condition(index, wide, all & ~bits(words[2]), values(words[4]));
        }
        throw new IllegalArgumentException("condition \"" + text + "\" is not one");
    }

    private static long bits(String text) {
        long bits = 0;
        for (long value : values(text)) {
            bits |= value;
        }
        return bits;
    }

    private static List<Long> values(String text) {
        List<Long> values = new ArrayList<>();
        for (String word : text.split(",", -1)) {
            values.add(Character.isDigit(word.charAt(0)) ? Long.parseLong(word) : KernelNames.value(word));
        }
        return values;
    }
}
