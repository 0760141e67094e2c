package dev.caisson.namespace;

/** What this wall understands, for {@code features}. */
final class NamespaceFeatures {
    private NamespaceFeatures() {}

    static String json() {
        return "{}";
    }
}
