package dev.caisson.kvm.vmm;

import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The words on the command line of a machine's process.
 *
 * @param directory the machine's own
 * @param image the guest's
 * @param memoryMib what the guest has
 * @param processors 1 to 8
 * @param cards how many network cards it has, 0 to {@link MachineCards#MOST}
 * @param template a file with a machine to go on from; null for one that boots
 * @param filter the seccomp filter that it gives itself, an array of {@code struct sock_filter} in Base64
 */
public record MachineArguments(
        Path directory,
        Path image,
        int memoryMib,
        int processors,
        int cards,
        @Nullable Path template,
        String filter) {
    /** What they are, for a message. */
    static final String USAGE = "DIRECTORY IMAGE-DIRECTORY MEMORY-MIB PROCESSORS CARDS TEMPLATE|- FILTER";

    private static final int COUNT = 7;
    private static final String NO_TEMPLATE = "-";

    /** As the process gets them. */
    public List<String> words() {
        return List.of(
                directory.toString(),
                image.toString(),
                Integer.toString(memoryMib),
                Integer.toString(processors),
                Integer.toString(cards),
                template == null ? NO_TEMPLATE : template.toString(),
                filter);
    }

    /** @throws IllegalArgumentException they are none */
    static MachineArguments parse(String[] words) {
        if (words.length != COUNT) {
            throw new IllegalArgumentException("not the words of a machine");
        }
        return new MachineArguments(
                Path.of(words[0]),
                Path.of(words[1]),
                Integer.parseInt(words[2]),
                Integer.parseInt(words[3]),
                Integer.parseInt(words[4]),
                words[5].equals(NO_TEMPLATE) ? null : Path.of(words[5]),
                words[6]);
    }

    long memory() {
        return (long) memoryMib << 20;
    }

    byte[] filterProgram() {
        return Base64.getDecoder().decode(filter);
    }
}
