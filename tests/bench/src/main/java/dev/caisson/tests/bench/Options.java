package dev.caisson.tests.bench;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The command line.
 *
 * @param rounds samples per row and subject
 * @param rows names of the rows to measure; empty for all
 * @param peers {@code caisson}, {@code runc}, {@code crun}
 * @param lines containerd release lines
 * @param fleet number of pods in the memory, idle and re-attach rows
 * @param out directory for bench.json and bench.svg
 */
record Options(int rounds, List<String> rows, List<String> peers, List<String> lines, int fleet, Path out) {
    static final String USAGE = """
            bench [--rounds N] [--rows LIST] [--peers LIST] [--containerd LIST] [--fleet N] [--out DIR]
              --rounds N         interleaved rounds (20)
              --rows LIST        comma-separated of: ctr-run, shim-start, task, pod, stdout, memory, idle, reattach, oci,
                                 oci-first, oci-memory, podman, trap, trap-calls, kvm, kvm-stdio
              --peers LIST       comma-separated of: caisson, runc, crun
              --containerd LIST  comma-separated of: 1.6, 2.x
              --fleet N          pods of the fleet rows (100)
              --out DIR          where bench.json and bench.svg go (build/bench)
            """;

    Options {
        rows = List.copyOf(rows);
        peers = List.copyOf(peers);
        lines = List.copyOf(lines);
    }

    static Options parse(String[] args) {
        int rounds = 20;
        int fleet = 100;
        List<String> rows = List.of();
        List<String> peers = List.of("caisson", "runc", "crun");
        List<String> lines = List.of("1.6", "2.x");
        Path out = Path.of("build/bench");
        for (int i = 0; i < args.length; i += 2) {
            if (i + 1 == args.length) {
                throw new IllegalArgumentException("option " + args[i] + " needs a value\n" + USAGE);
            }
            String value = args[i + 1];
            switch (args[i]) {
                case "--rounds" -> rounds = positive(args[i], value);
                case "--fleet" -> fleet = positive(args[i], value);
                case "--rows" -> rows = list(value);
                case "--peers" -> peers = list(value);
                case "--containerd" -> lines = list(value);
                case "--out" -> out = Path.of(value);
                default -> throw new IllegalArgumentException("unknown option " + args[i] + "\n" + USAGE);
            }
        }
        return new Options(rounds, rows, peers, lines, fleet, out);
    }

    boolean wants(String row) {
        return rows.isEmpty() || rows.contains(row);
    }

    /** Whether anything is to be measured under a containerd. */
    boolean wantsContainerd() {
        return rows.isEmpty()
                || rows.stream()
                        .anyMatch(row -> !row.equals(OciRows.NAME)
                                && !row.equals(TrapRows.NAME)
                                && !row.equals(TrapRows.CALLS)
                                && !row.equals(KvmRows.NAME)
                                && !row.equals(KvmStdioRows.NAME)
                                && !CallerRows.NAMES.contains(row));
    }

    private static int positive(String name, String value) {
        int number = Integer.parseInt(value);
        if (number < 1) {
            throw new IllegalArgumentException(name + " must be at least 1: " + value);
        }
        return number;
    }

    private static List<String> list(String value) {
        List<String> items = new ArrayList<>();
        for (String item : value.split(",", -1)) {
            if (!item.isBlank()) {
                items.add(item.strip());
            }
        }
        return items;
    }
}
