package dev.caisson.cli.grammar;

import java.util.List;

/**
 * A command.
 *
 * @param synopsis the words after the flags, as help shows them
 * @param least fewest words
 * @param most most words
 * @param stopsAtWord whether what follows the first word is never read as a flag: it belongs to another program
 * @param help one sentence
 */
public record Verb(
        String name, String synopsis, int least, int most, boolean stopsAtWord, List<Flag> flags, String help) {
    public Verb {
        flags = List.copyOf(flags);
    }
}
