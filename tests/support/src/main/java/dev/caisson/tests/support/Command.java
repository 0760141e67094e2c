package dev.caisson.tests.support;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/** One run of an external program with a deadline; both output streams are captured whole. */
public final class Command {
    private static final Duration DEFAULT_TIMEOUT = Duration.ofSeconds(60);

    private final List<String> argv;
    private final Map<String, String> environment = new HashMap<>();
    private byte[] stdin = new byte[0];
    private @Nullable Path directory;
    private @Nullable Path output;
    private Duration timeout = DEFAULT_TIMEOUT;

    private Command(List<String> argv) {
        this.argv = List.copyOf(argv);
    }

    /** What a finished program left: {@code exit} is its code, or 128 + signal as Java reports it. */
    @SuppressWarnings("ArrayRecordComponent") // compared by nobody, and copied by nobody: up to 20 MiB
    public record Result(List<String> argv, int exit, byte[] stdout, byte[] stderr, Duration took) {
        public String out() {
            return new String(stdout, StandardCharsets.UTF_8);
        }

        public String err() {
            return new String(stderr, StandardCharsets.UTF_8);
        }

        /** This result if the exit code was 0; otherwise an assertion error with everything that the program said. */
        public Result ok() {
            if (exit != 0) {
                throw new AssertionError(this);
            }
            return this;
        }

        @Override
        public String toString() {
            return String.join(" ", argv) + "\nexit " + exit + " after " + took.toMillis() + " ms\nstdout: "
                    + tail(out()) + "\nstderr: " + tail(err());
        }

        private static String tail(String text) {
            return text.length() <= 4000 ? text : "... " + text.substring(text.length() - 4000);
        }
    }

    public static Command of(String... argv) {
        return new Command(List.of(argv));
    }

    public static Command of(List<String> argv) {
        return new Command(argv);
    }

    public List<String> argv() {
        return argv;
    }

    /** The same as the last arguments of a program, which is to execute it; input and output are not taken over. */
    public Command behind(String... program) {
        List<String> words = new ArrayList<>(List.of(program));
        words.addAll(argv);
        Command outer = new Command(words).env(environment).timeout(timeout);
        outer.directory = directory;
        return outer;
    }

    public Command stdin(byte[] bytes) {
        stdin = bytes.clone();
        return this;
    }

    public Command env(Map<String, String> variables) {
        environment.putAll(variables);
        return this;
    }

    /** The working directory; otherwise this JVM's. */
    public Command in(Path workingDirectory) {
        directory = workingDirectory;
        return this;
    }

    /**
     * Sends standard output and error to {@code prefix.out} and {@code prefix.err}, which the result is read from. A process that
     * stays and has inherited them, as a created container's does, then does not keep {@link #run} from returning.
     */
    public Command into(Path prefix) {
        output = prefix;
        return this;
    }

    public Command timeout(Duration limit) {
        timeout = limit;
        return this;
    }

    /**
     * Runs to the end.
     *
     * @throws AssertionError when the deadline passes; the program and its descendants are killed first
     */
    public Result run() {
        long begin = System.nanoTime();
        Process process = start();
        CompletableFuture<byte[]> out = drain(process.getInputStream());
        CompletableFuture<byte[]> err = drain(process.getErrorStream());
        Thread.ofVirtual().start(() -> feed(process));
        try {
            if (!process.waitFor(timeout.toMillis(), TimeUnit.MILLISECONDS)) {
                process.descendants().forEach(ProcessHandle::destroyForcibly);
                process.destroyForcibly();
                throw new AssertionError("no end within " + timeout.toSeconds() + " s: " + String.join(" ", argv)
                        + "\nstdout: " + soFar(out) + "\nstderr: " + soFar(err));
            }
            byte[] outBytes = output == null ? out.get(10, TimeUnit.SECONDS) : written(output, ".out");
            byte[] errBytes = output == null ? err.get(10, TimeUnit.SECONDS) : written(output, ".err");
            return new Result(
                    argv, process.exitValue(), outBytes, errBytes, Duration.ofNanos(System.nanoTime() - begin));
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted: " + String.join(" ", argv), e);
        } catch (ExecutionException | TimeoutException e) {
            throw new AssertionError("output stayed open after the end: " + String.join(" ", argv), e);
        }
    }

    /** Starts without waiting; the caller owns the process and its streams. */
    public Process start() {
        ProcessBuilder builder = new ProcessBuilder(argv);
        builder.environment().keySet().removeIf(name -> name.startsWith("JAVA_TOOL") || name.startsWith("JDK_JAVA"));
        builder.environment().putAll(environment);
        if (directory != null) {
            builder.directory(directory.toFile());
        }
        if (output != null) {
            builder.redirectOutput(new File(output + ".out"));
            builder.redirectError(new File(output + ".err"));
        }
        try {
            return builder.start();
        } catch (IOException e) {
            throw new UncheckedIOException("start " + String.join(" ", argv), e);
        }
    }

    private static byte[] written(Path prefix, String suffix) {
        try {
            return Files.readAllBytes(Path.of(prefix + suffix));
        } catch (IOException e) {
            throw new UncheckedIOException("read " + prefix + suffix, e);
        }
    }

    private void feed(Process process) {
        try (OutputStream to = process.getOutputStream()) {
            to.write(stdin);
        } catch (IOException ended) {
            // A program may end without reading its input.
            return;
        }
    }

    private static CompletableFuture<byte[]> drain(InputStream from) {
        CompletableFuture<byte[]> all = new CompletableFuture<>();
        Thread.ofVirtual().start(() -> {
            try (from) {
                all.complete(from.readAllBytes());
            } catch (IOException e) {
                all.completeExceptionally(e);
            }
        });
        return all;
    }

    private static String soFar(CompletableFuture<byte[]> output) {
        try {
            return new String(output.get(1, TimeUnit.SECONDS), StandardCharsets.UTF_8);
        } catch (InterruptedException | ExecutionException | TimeoutException e) {
            return "(still open)";
        }
    }

    /** The first executable called {@code name} on this JVM's PATH or in the system directories. */
    public static Optional<Path> find(String name) {
        String path = System.getenv("PATH");
        List<String> dirs = new ArrayList<>(path == null ? List.of() : List.of(path.split(":", -1)));
        dirs.addAll(List.of(
                "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/go/bin"));
        for (String dir : dirs) {
            Path candidate = Path.of(dir.isEmpty() ? "." : dir, name);
            if (Files.isExecutable(candidate) && !Files.isDirectory(candidate)) {
                return Optional.of(candidate);
            }
        }
        return Optional.empty();
    }
}
