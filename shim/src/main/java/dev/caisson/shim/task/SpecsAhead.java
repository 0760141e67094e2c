package dev.caisson.shim.task;

import dev.caisson.oci.InvalidSpecException;
import dev.caisson.oci.Spec;
import dev.caisson.oci.SpecReader;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import org.jspecify.annotations.Nullable;

/**
 * Configurations read between a shim's {@code start}, which sees the bundle first, and the Create that follows: containerd takes a
 * millisecond or two to connect, and reading one takes about as long. Nothing is believed: a Create takes what was read ahead only for
 * the very same bytes. Thread-safe.
 */
public final class SpecsAhead {
    /** Larger ones are rare and would keep memory for a Create that may never come. */
    private static final int MAX_BYTES = 64 << 10;
    /** containerd starts hardly more shims at a time; the oldest makes room. */
    private static final int MAX_ENTRIES = 32;

    /** @param spec null for what cannot be read: Create says why */
    private record Ahead(byte[] json, CompletableFuture<@Nullable Spec> spec) {}

    private final ExecutorService executor;
    private final Map<String, Ahead> byBundle = new LinkedHashMap<>();

    SpecsAhead(ExecutorService executor) {
        this.executor = executor;
    }

    /** Begins to read a bundle's configuration; returns at once. */
    public void read(String bundle, byte[] json) {
        if (json.length > MAX_BYTES) {
            return;
        }
        CompletableFuture<@Nullable Spec> spec = new CompletableFuture<>();
        synchronized (byBundle) {
            byBundle.put(bundle, new Ahead(json, spec));
            if (byBundle.size() > MAX_ENTRIES) {
                byBundle.remove(byBundle.keySet().iterator().next());
            }
        }
        executor.execute(() -> {
            try {
                spec.complete(SpecReader.read(json));
            } catch (InvalidSpecException e) {
                spec.complete(null);
            } finally {
                spec.complete(null); // even when memory has run out nobody waits for ever
            }
        });
    }

    /** What the bytes say, read ahead or now. */
    Spec take(String bundle, byte[] json) throws InvalidSpecException {
        Ahead ahead;
        synchronized (byBundle) {
            ahead = byBundle.remove(bundle);
        }
        Spec spec = ahead != null && Arrays.equals(ahead.json, json) ? ahead.spec.join() : null;
        return spec != null ? spec : SpecReader.read(json);
    }
}
