package dev.caisson.tests.support;

import java.io.ByteArrayOutputStream;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * One end of a container's standard stream. Opening a fifo blocks until the other side has it open too, so each end has
 * a thread of its own.
 */
public final class Fifo implements AutoCloseable {
    private final Path path;
    private final ByteArrayOutputStream collected = new ByteArrayOutputStream();
    private final CompletableFuture<byte[]> whole = new CompletableFuture<>();
    private volatile @Nullable FileOutputStream writer;

    private Fifo(Path path) {
        this.path = path;
        Command.of("mkfifo", "-m", "600", path.toString()).run().ok();
    }

    /** Makes the fifo and collects what comes out of it. */
    public static Fifo reading(Path path) {
        Fifo fifo = new Fifo(path);
        fifo.read();
        return fifo;
    }

    /** Makes the fifo; nobody reads it until {@link #read}. */
    public static Fifo unread(Path path) {
        return new Fifo(path);
    }

    /** Makes the fifo for a container's stdin and opens it for writing in the background. */
    public static Fifo writing(Path path) {
        Fifo fifo = new Fifo(path);
        Thread.ofPlatform().daemon().name("open " + path).start(fifo::openForWriting);
        return fifo;
    }

    public Path path() {
        return path;
    }

    /** Starts to collect. */
    public void read() {
        Thread.ofPlatform().daemon().name("read " + path).start(() -> {
            try (InputStream in = new FileInputStream(path.toFile())) {
                byte[] buffer = new byte[1 << 16];
                for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
                    synchronized (collected) {
                        collected.write(buffer, 0, n);
                    }
                }
                whole.complete(bytes());
            } catch (IOException e) {
                whole.completeExceptionally(e);
            }
        });
    }

    private void openForWriting() {
        try {
            writer = new FileOutputStream(path.toFile());
        } catch (IOException e) {
            whole.completeExceptionally(e);
        }
    }

    private byte[] bytes() {
        synchronized (collected) {
            return collected.toByteArray();
        }
    }

    /** What has come so far. */
    public String soFar() {
        return new String(bytes(), StandardCharsets.UTF_8);
    }

    /** Everything up to the end of file; an assertion error if that does not come in time. */
    public byte[] toEnd(Duration limit) {
        try {
            return whole.get(limit.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            throw new AssertionError(
                    "no end of file on " + path + " within " + limit.toMillis() + " ms; so far " + bytes().length
                            + " bytes",
                    e);
        } catch (ExecutionException e) {
            throw new AssertionError("read " + path, e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted while reading " + path, e);
        }
    }

    /** {@link #toEnd} as text. */
    public String textToEnd(Duration limit) {
        return new String(toEnd(limit), StandardCharsets.UTF_8);
    }

    /** Waits until {@code text} has come. */
    public void expect(String text, Duration limit) {
        Await.until(() -> "\"" + text + "\" on " + path + ", so far: " + soFar(), limit, () -> soFar().contains(text));
    }

    /** Writes everything, waiting for the reader as long as it takes. */
    public void write(byte[] data) {
        Await.until("nobody opened " + path + " for reading", Duration.ofSeconds(20), () -> writer != null);
        try {
            FileOutputStream open = writer;
            if (open != null) {
                open.write(data);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("write " + path, e);
        }
    }

    /** Closes this client's write end and opens nothing instead: what a detaching client does. */
    public void detach() {
        FileOutputStream open = writer;
        writer = null;
        try {
            if (open != null) {
                open.close();
            }
        } catch (IOException e) {
            throw new UncheckedIOException("close " + path, e);
        }
    }

    /** Opens the write end again. */
    public void attach() {
        openForWriting();
    }

    /** Lets a thread go that still waits in open(2), and removes the fifo. */
    @Override
    public void close() {
        detach();
        try (RandomAccessFile both = new RandomAccessFile(path.toFile(), "rw")) {
            Files.deleteIfExists(path);
            if (both.getFD().valid()) {
                Await.sleep(Duration.ofMillis(1));
            }
        } catch (IOException gone) {
            return;
        }
    }
}
