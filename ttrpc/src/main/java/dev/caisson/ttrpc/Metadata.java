package dev.caisson.ttrpc;

import dev.caisson.ttrpc.proto.envelope.KeyValue;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * A call's metadata: an ordered multi-map with lower-case keys. Immutable. containerd sends its namespace as
 * {@value #NAMESPACE} and trace context as {@code traceparent}.
 */
public final class Metadata {
    /** containerd's namespace, on ttrpc. */
    public static final String NAMESPACE = "containerd-namespace-ttrpc";

    /** No metadata. */
    public static final Metadata EMPTY = new Metadata(List.of());

    /** One key and one of its values. */
    public record Entry(String key, String value) {
        public Entry {
            key = key.toLowerCase(Locale.ROOT);
        }
    }

    private final List<Entry> entries;

    private Metadata(List<Entry> entries) {
        this.entries = List.copyOf(entries);
    }

    /** One key with one value. */
    public static Metadata of(String key, String value) {
        return EMPTY.with(key, value);
    }

    /** This metadata and one value more; values already present for the key stay. */
    public Metadata with(String key, String value) {
        List<Entry> all = new ArrayList<>(entries);
        all.add(new Entry(key, value));
        return new Metadata(all);
    }

    /** The first value of a key, in any case. */
    public Optional<String> first(String key) {
        String wanted = key.toLowerCase(Locale.ROOT);
        for (Entry entry : entries) {
            if (entry.key().equals(wanted)) {
                return Optional.of(entry.value());
            }
        }
        return Optional.empty();
    }

    /** All values of a key, in the order sent. */
    public List<String> all(String key) {
        String wanted = key.toLowerCase(Locale.ROOT);
        List<String> values = new ArrayList<>();
        for (Entry entry : entries) {
            if (entry.key().equals(wanted)) {
                values.add(entry.value());
            }
        }
        return List.copyOf(values);
    }

    /** Every pair, in the order sent. */
    public List<Entry> entries() {
        return entries;
    }

    static Metadata of(List<KeyValue> pairs) {
        if (pairs.isEmpty()) {
            return EMPTY;
        }
        List<Entry> all = new ArrayList<>(pairs.size());
        for (KeyValue pair : pairs) {
            all.add(new Entry(pair.getKey(), pair.getValue()));
        }
        return new Metadata(all);
    }

    List<KeyValue> toProto() {
        List<KeyValue> pairs = new ArrayList<>(entries.size());
        for (Entry entry : entries) {
            pairs.add(KeyValue.newBuilder()
                    .setKey(entry.key())
                    .setValue(entry.value())
                    .build());
        }
        return pairs;
    }

    @Override
    public boolean equals(Object o) {
        return o instanceof Metadata m && m.entries.equals(entries);
    }

    @Override
    public int hashCode() {
        return entries.hashCode();
    }

    @Override
    public String toString() {
        return entries.toString();
    }
}
