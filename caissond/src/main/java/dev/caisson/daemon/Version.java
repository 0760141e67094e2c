package dev.caisson.daemon;

/** The product's version, as the build knows it. */
final class Version {
    static final String TEXT = System.getProperty("caisson.version", "0.1.0");

    private Version() {}
}
