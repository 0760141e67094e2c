package dev.caisson.linux.bpf;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Names and numbers of system calls up to Linux 6.18. x32 numbers are without {@link SeccompData#X32_BIT}. Read on first use; any thread. */
public final class SyscallTable {
    private static final int NONE = -1;
    private static final SyscallTable INSTANCE = load();

    private final String[] names;
    private final int[][] numbers;
    private final String[][] byNumber;

    private SyscallTable(String[] names, int[][] numbers) {
        this.names = names;
        this.numbers = numbers;
        this.byNumber = new String[numbers.length][];
        for (int abi = 0; abi < numbers.length; abi++) {
            int max = Arrays.stream(numbers[abi]).max().orElse(NONE);
            byNumber[abi] = new String[max + 1];
            for (int i = 0; i < names.length; i++) {
                if (numbers[abi][i] != NONE) {
                    byNumber[abi][numbers[abi][i]] = names[i];
                }
            }
        }
    }

    /** The number of a system call, or -1 when the ABI has none of this name. */
    public static int number(SyscallAbi abi, String name) {
        int i = Arrays.binarySearch(INSTANCE.names, name);
        return i < 0 ? NONE : INSTANCE.numbers[column(abi)][i];
    }

    /** The name of a system call, or null when the ABI has none of this number. */
    public static @Nullable String name(SyscallAbi abi, int number) {
        String[] table = INSTANCE.byNumber[column(abi)];
        return number < 0 || number >= table.length ? null : table[number];
    }

    /** Whether any ABI has a system call of this name. */
    public static boolean isKnown(String name) {
        return Arrays.binarySearch(INSTANCE.names, name) >= 0;
    }

    /** The largest number of an ABI. */
    public static int largest(SyscallAbi abi) {
        return INSTANCE.byNumber[column(abi)].length - 1;
    }

    private static int column(SyscallAbi abi) {
        return switch (abi) {
            case X86_64 -> 0;
            case I386 -> 1;
            case X32 -> 2;
        };
    }

    /** Lines of {@code name TAB x86_64 TAB i386 TAB x32}, sorted by name as {@link String#compareTo} does. */
    private static SyscallTable load() {
        String text;
        try (InputStream in =
                Objects.requireNonNull(SyscallTable.class.getResourceAsStream("syscalls.tsv"), "syscalls.tsv")) {
            text = new String(in.readAllBytes(), StandardCharsets.US_ASCII);
        } catch (IOException e) {
            throw new UncheckedIOException("read syscalls.tsv", e);
        }
        String[] names = new String[1024];
        int[][] numbers = new int[3][1024];
        int count = 0;
        int at = 0;
        while (at < text.length()) {
            int end = text.indexOf('\n', at);
            if (text.charAt(at) != '#') {
                int from = text.indexOf('\t', at);
                names[count] = text.substring(at, from);
                for (int column = 0; column < 3; column++) {
                    int to = column == 2 ? end : text.indexOf('\t', from + 1);
                    String cell = text.substring(from + 1, to);
                    numbers[column][count] = cell.equals("-") ? NONE : Integer.parseInt(cell);
                    from = to;
                }
                count++;
            }
            at = end + 1;
        }
        for (int column = 0; column < 3; column++) {
            numbers[column] = Arrays.copyOf(numbers[column], count);
        }
        return new SyscallTable(Arrays.copyOf(names, count), numbers);
    }
}
