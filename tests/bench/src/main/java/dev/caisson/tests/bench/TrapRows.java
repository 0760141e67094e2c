package dev.caisson.tests.bench;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.caisson.tests.support.Cache;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.OciRuntime;
import dev.caisson.tests.support.RunDirectory;
import dev.caisson.tests.support.RuntimeUnderTest.Kind;
import dev.caisson.tests.support.Skip;
import dev.caisson.tests.support.Spec;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.locks.LockSupport;

/**
 * What the wall of the userspace kernel costs: the same programs in a container of the namespace wall, whose calls are the host kernel's, in one of the
 * seccomp-trap wall, and in runsc's where that is installed. Programs are this host's own, bound into the container; the time is taken inside it.
 */
final class TrapRows {
    static final String NAME = "trap";
    /** Single calls alone, in the tier strict too. */
    static final String CALLS = "trap-calls";

    private static final String C_FILE = """
            #include <stdio.h>
            #include <stdlib.h>
            #include <string.h>
            #include <unistd.h>
            #include <netdb.h>
            #include <pthread.h>
            int main(void) { char *t = strdup("x"); printf("%s\\n", t); free(t); return 0; }
            """;

    private static final String SQL = "drop table if exists t; create table t(a integer primary key, b text); begin;"
            + " with recursive c(x) as (select 1 union all select x+1 from c where x < 20000) insert into t select x, hex(randomblob(32)) from c;"
            + " commit; select count(*) from t where b like '%ABC%'; update t set b = b || 'x' where a % 3 = 0; delete from t where a % 5 = 0;";

    /** A way to run a bundle; {@code caisson} is the wall that is measured. */
    private record Wall(String name, OciRuntime runtime, String backend) {
        boolean isStrict() {
            return name.equals("strict");
        }
    }

    private final Path dir;
    private final Stopwatch stopwatch;
    private final Samples samples;
    private final List<Programs> programs = Programs.available();
    private int next;

    private TrapRows(Path dir, Stopwatch stopwatch, Samples samples) {
        this.dir = dir;
        this.stopwatch = stopwatch;
        this.samples = samples;
    }

    static void measure(Options options, Samples samples) {
        List<Wall> walls = new ArrayList<>();
        for (OciRuntime runtime : OciRuntime.available()) {
            if (runtime.kind() == Kind.CAISSON) {
                walls.add(new Wall("namespace", runtime, "namespace"));
                walls.add(new Wall("caisson", runtime, "seccomp-trap"));
                walls.add(new Wall("strict", runtime, "seccomp-trap"));
            } else if (runtime.kind() == Kind.CRUN) {
                walls.add(new Wall("crun", runtime, ""));
            }
        }
        try {
            Path dir = Files.createTempDirectory(Path.of("/tmp"), "trap-bench-");
            try {
                Command.find("runsc")
                        .ifPresentOrElse(
                                runsc -> walls.add(new Wall("runsc", runsc(dir, runsc), "")),
                                () -> Skip.note(
                                        "comparison with runsc",
                                        "gVisor's runsc in the PATH (CGO_ENABLED=0 go install gvisor.dev/gvisor/runsc@latest)"));
                new TrapRows(dir, Stopwatch.build(), samples).rounds(options, walls);
            } finally {
                Command.of("rm", "-rf", "--one-file-system", dir.toString()).run();
            }
        } catch (IOException e) {
            throw new UncheckedIOException("lay out bundles in /tmp", e);
        }
    }

    /** With its own network stack, loopback only as that of the others, and without control groups, of which it knows only some hosts'. */
    private static OciRuntime runsc(Path dir, Path runsc) {
        Path wrapper = dir.resolve("runsc");
        try {
            Files.writeString(wrapper, "#!/bin/sh\nexec " + runsc + " --network=none --ignore-cgroups \"$@\"\n");
            Files.setPosixFilePermissions(wrapper, PosixFilePermissions.fromString("rwxr-xr-x"));
        } catch (IOException e) {
            throw new UncheckedIOException("write " + wrapper, e);
        }
        return new OciRuntime(Kind.RUNC, wrapper, java.util.Map.of());
    }

    private void rounds(Options options, List<Wall> walls) throws IOException {
        Path calls = CallTimes.build();
        try {
            for (Wall wall : walls) {
                layOut(wall, "true", "/bin/true");
                layOut(wall, "sleep", "/bin/sleep", "10000");
                // Detached, so that it must not keep this process's pipes.
                command(wall, "run", "--detach", "--bundle", bundle(wall, "sleep"), longId(wall))
                        .into(bundle(wall, "sleep").resolve("out"))
                        .run()
                        .ok();
            }
            // A young caissond rehearses, and so do sandbox processes.
            pause(3000);
            for (int round = -1; round < options.rounds(); round++) {
                for (Wall wall : walls) {
                    sample(wall, calls, round >= 0, options.wants(NAME));
                }
            }
        } finally {
            for (Wall wall : walls) {
                command(wall, "delete", "--force", longId(wall)).run().ok();
                Command.of("rm", "-rf", "--one-file-system", root(wall).toString())
                        .run();
            }
        }
    }

    private static void pause(long millis) {
        LockSupport.parkNanos(Duration.ofMillis(millis).toNanos());
    }

    private void sample(Wall wall, Path calls, boolean counts, boolean isAll) {
        if (isAll) {
            String id = longId(wall) + "-" + next++;
            add(
                    counts,
                    "run true, ms",
                    wall,
                    stopwatch.time(command(wall, "run", "--bundle", bundle(wall, "true"), id)));
            // The next spare is started once nobody has asked for one for a moment, and takes a processor for a while.
            pause(1200);
        }
        if (wall.name().equals("crun")) {
            return; // its calls are the kernel's as those of the namespace wall
        }
        for (String line : exec(wall, calls.toString(), "/tmp").lines().toList()) {
            int at = line.lastIndexOf(' ');
            add(counts, line.substring(0, at) + ", us", wall, Double.parseDouble(line.substring(at + 1)));
        }
        if (!isAll || wall.isStrict()) {
            return;
        }
        timed(counts, "compile", wall, "/usr/bin/gcc", "-O1", "-o", "/tmp/a.out", "/work/a.c");
        timed(counts, "sqlite", wall, "/usr/bin/sqlite3", "/tmp/db", SQL);
        for (Programs program : programs) {
            String printed = exec(wall, program.command(stopwatch).toArray(String[]::new));
            add(counts, program.row() + ", ms", wall, Double.parseDouble(printed.strip()));
        }
    }

    private void timed(boolean counts, String row, Wall wall, String... argv) {
        List<String> words = new ArrayList<>(List.of(stopwatch.program().toString(), "/dev/null"));
        words.addAll(List.of(argv));
        add(
                counts,
                row + ", ms",
                wall,
                Double.parseDouble(exec(wall, words.toArray(String[]::new)).strip()));
    }

    private void add(boolean counts, String row, Wall wall, double value) {
        if (counts) {
            samples.add(NAME + " " + row, wall.name() + "/" + NAME, value);
        }
    }

    private String exec(Wall wall, String... argv) {
        List<String> words = new ArrayList<>(List.of("exec", longId(wall)));
        words.addAll(List.of(argv));
        return command(wall, words.toArray(Object[]::new)).run().ok().out();
    }

    private String longId(Wall wall) {
        return dir.getFileName() + "-" + wall.name();
    }

    private Command command(Wall wall, Object... words) {
        return wall.runtime()
                .command(root(wall), Arrays.stream(words).map(Object::toString).toArray(String[]::new))
                .timeout(Duration.ofMinutes(2));
    }

    /** A wall's own, and not its runtime's: it is removed with what is in it. */
    private Path root(Wall wall) {
        return RunDirectory.path().resolve(dir.getFileName() + "-" + wall.name());
    }

    private Path bundle(Wall wall, String program) {
        return dir.resolve(wall.name() + "-" + program);
    }

    private void layOut(Wall wall, String program, String... argv) throws IOException {
        Path bundle = bundle(wall, program);
        OciRows.layOut(bundle, String.valueOf(dir.getFileName()), program, argv);
        Path work = Files.createDirectories(bundle.resolve("rootfs/work"));
        Files.writeString(work.resolve("a.c"), C_FILE);
        Programs.layOut(work);
        // make and initdb ask for it by this name.
        Files.createSymbolicLink(bundle.resolve("rootfs/bin/sh"), Path.of("../usr/bin/sh"));
        Spec spec = Spec.of(String.valueOf(dir.getFileName()), program, argv);
        for (String host : List.of("/usr", "/lib", "/lib64", Cache.dir("bench").toString())) {
            if (Files.exists(Path.of(host))) {
                Files.createDirectories(bundle.resolve("rootfs" + host));
                spec = spec.bind(Path.of(host).toRealPath(), host, "ro");
            }
        }
        ObjectNode config = spec.tree();
        ((ObjectNode) config.get("linux")).remove("cgroupsPath");
        // The wall is measured, not the disk; runsc's files are in memory anyway.
        config.withArray("mounts")
                .addObject()
                .put("type", "tmpfs")
                .put("source", "tmpfs")
                .put("destination", "/tmp")
                .putArray("options")
                .add("mode=1777");
        if (!wall.backend().isEmpty()) {
            ObjectNode annotations = config.putObject("annotations").put("dev.caisson.backend", wall.backend());
            if (wall.isStrict()) {
                annotations.put("dev.caisson.trap.tier", "strict");
            }
        }
        Files.writeString(bundle.resolve("config.json"), config.toString());
    }
}
