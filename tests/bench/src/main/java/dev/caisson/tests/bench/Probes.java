package dev.caisson.tests.bench;

import com.google.protobuf.CodedOutputStream;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.ContainerdBuild;
import dev.caisson.tests.support.Ctr;
import dev.caisson.tests.support.HostSnapshot;
import dev.caisson.tests.support.Pod;
import dev.caisson.tests.support.PrivateContainerd;
import dev.caisson.tests.support.Spec;
import dev.caisson.tests.support.Task;
import dev.caisson.tests.support.Task.Stdio;
import java.io.ByteArrayOutputStream;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** The rows that are sampled once per round. */
final class Probes {
    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final int STDOUT_MIB = 256;

    private Probes() {}

    /** Built when the first command is to be timed. */
    private static final class Commands {
        static final Stopwatch WATCH = Stopwatch.build();
    }

    /** Every probe in the order of the report. */
    static List<Probe> all() {
        return List.of(
                probe("ctr-run", Probes::ctrRun),
                probe("shim-start", Probes::shimStart),
                probe("task", Probes::task),
                probe("pod", Probes::pod),
                probe("stdout", Probes::stdout));
    }

    private interface Body {
        void sample(Subject subject, Samples samples);
    }

    private static Probe probe(String name, Body body) {
        return new Probe() {
            @Override
            public String name() {
                return name;
            }

            @Override
            public void sample(Subject subject, Samples samples) {
                body.sample(subject, samples);
            }
        };
    }

    private static double millis(Runnable action) {
        long begin = System.nanoTime();
        action.run();
        return (System.nanoTime() - begin) / 1e6;
    }

    private static void ctrRun(Subject subject, Samples samples) {
        Command command = subject.bed().ctr().runContainer(Ctr.newId("bench"), List.of("--rm", "--null-io"), "true");
        samples.add("ctr run --rm true, ms", subject.name(), Commands.WATCH.time(command));
    }

    /** The shim's {@code start} as containerd runs it, in a bundle of its own, without containerd waiting for it. */
    private static void shimStart(Subject subject, Samples samples) {
        PrivateContainerd bed = subject.bed();
        String id = Ctr.newId("bare");
        Path bundle = bed.dir().resolve("bare").resolve(bed.tag()).resolve(id);
        try {
            Files.createDirectories(bundle.resolve("rootfs"));
            Files.writeString(
                    bundle.resolve("config.json"),
                    Spec.of(bed.tag(), id, "true").tree().toString());
        } catch (IOException e) {
            throw new UncheckedIOException("prepare " + bundle, e);
        }
        Path log = bundle.resolve("log");
        Command.of("mkfifo", log.toString()).run().ok();
        try (RandomAccessFile held = new RandomAccessFile(log.toFile(), "rw")) {
            double millis = Commands.WATCH.time(inBundle(subject, bundle, id, "start"), bundle.resolve("input"));
            samples.add("shim start, ms", subject.name(), millis);
            if (!held.getFD().valid()) {
                throw new IllegalStateException("log fifo closed");
            }
        } catch (IOException e) {
            throw new UncheckedIOException("hold " + log, e);
        } finally {
            for (long pid : HostSnapshot.processesOf(id)) {
                ProcessHandle.of(pid).ifPresent(ProcessHandle::destroyForcibly);
            }
            // The Go shim wants files here that only containerd writes; its failure leaves nothing of this bare start.
            inBundle(subject, bundle, id, "delete").run();
        }
    }

    private static Command inBundle(Subject subject, Path bundle, String id, String action) {
        PrivateContainerd bed = subject.bed();
        List<String> argv = new ArrayList<>(List.of(
                subject.bed().settings().runtime().shim().toString(),
                "-namespace",
                bed.tag(),
                "-address",
                bed.socket().toString(),
                "-publish-binary",
                bed.settings().build().containerd().toString(),
                "-id",
                id));
        if (action.equals("delete")) {
            argv.addAll(List.of("-bundle", bundle.toString()));
        }
        argv.add(action);
        boolean bootstrap = action.equals("start") && bed.settings().build().isVersion2();
        try {
            Files.write(bundle.resolve("input"), bootstrap ? bootstrapParams(bed, id) : new byte[0]);
        } catch (IOException e) {
            throw new UncheckedIOException("write shim's input in " + bundle, e);
        }
        return Command.of(argv)
                .in(bundle)
                .env(bed.environment())
                .env(Map.of("TTRPC_ADDRESS", bed.dir().resolve("t.sock").toString(), "MAX_SHIM_VERSION", "2"))
                .timeout(LIMIT);
    }

    /** containerd.runtime.bootstrap.v1.BootstrapParams, which containerd writes to the shim's input since 2.3. */
    private static byte[] bootstrapParams(PrivateContainerd bed, String id) {
        String[] fields = {
            id,
            bed.tag(),
            "",
            ContainerdBuild.CONTAINERD_2,
            bed.dir().resolve("t.sock").toString(),
            bed.socket().toString(),
            bed.settings().build().containerd().toString()
        };
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        CodedOutputStream out = CodedOutputStream.newInstance(bytes);
        try {
            for (int i = 0; i < fields.length; i++) {
                // Field 3, the log level, is 0 for "info" and therefore absent.
                if (!fields[i].isEmpty()) {
                    out.writeString(i + 1, fields[i]);
                }
            }
            out.flush();
        } catch (IOException e) {
            throw new UncheckedIOException("encode bootstrap parameters", e);
        }
        return bytes.toByteArray();
    }

    private static void task(Subject subject, Samples samples) {
        String name = subject.name();
        try (Task task = Task.container(subject.bed(), Ctr.newId("bench"), "sleep", "1000")) {
            samples.add("task create, ms", name, millis(() -> task.create(Stdio.NONE)));
            samples.add("task start, ms", name, millis(task::start));
            samples.add("task exec to exit, ms", name, millis(() -> {
                task.exec("x", Spec.process("true"), Stdio.NONE);
                var waiting = task.waiting("x");
                task.start("x");
                Task.result(waiting, LIMIT);
            }));
            task.deleteExec("x");
            Command exec = subject.bed().ctr().exec(task.id(), "true");
            samples.add("ctr task exec true, ms", name, Commands.WATCH.time(exec));
            task.kill(9);
            task.await("", LIMIT);
            samples.add("task delete, ms", name, millis(task::delete));
        }
    }

    private static void pod(Subject subject, Samples samples) {
        long begin = System.nanoTime();
        try (Pod pod = Pod.run(subject.bed())) {
            pod.start("one", "sleep", "1000");
            samples.add("pod start (CRI, one container), ms", subject.name(), (System.nanoTime() - begin) / 1e6);
            samples.add("pod stop and remove (CRI), ms", subject.name(), millis(() -> {
                pod.stop();
                pod.remove();
            }));
        }
    }

    /** A container's output straight from its fifo, so that no client's copying is in the figure. */
    private static void stdout(Subject subject, Samples samples) {
        Path fifo = Task.fifoPath(subject.bed());
        Command.of("mkfifo", fifo.toString()).run().ok();
        String[] argv = {"dd", "if=/dev/zero", "bs=1M", "count=" + STDOUT_MIB, "status=none"};
        try (Task task = Task.container(subject.bed(), Ctr.newId("flow"), argv)) {
            Thread reader = Thread.ofPlatform().daemon().unstarted(() -> drain(fifo));
            reader.start();
            task.create(new Stdio("", fifo.toString(), fifo.toString()));
            long ticks = subject.cpuTicks();
            long begin = System.nanoTime();
            task.start();
            join(reader);
            double seconds = (System.nanoTime() - begin) / 1e9;
            samples.add("stdout throughput, MiB/s", subject.name(), STDOUT_MIB / seconds);
            samples.add(
                    "runtime processor time while it flows, ms", subject.name(), (subject.cpuTicks() - ticks) * 10.0);
            task.await("", LIMIT);
        }
    }

    private static void drain(Path fifo) {
        byte[] buffer = new byte[1 << 20];
        try (FileInputStream in = new FileInputStream(fifo.toFile())) {
            long total = 0;
            for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
                total += n;
            }
            if (total != (long) STDOUT_MIB << 20) {
                throw new IllegalStateException("got " + total + " bytes of " + STDOUT_MIB + " MiB");
            }
        } catch (IOException e) {
            throw new UncheckedIOException("read " + fifo, e);
        }
    }

    private static void join(Thread thread) {
        try {
            thread.join(LIMIT);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        if (thread.isAlive()) {
            throw new IllegalStateException("output did not end within " + LIMIT);
        }
    }
}
