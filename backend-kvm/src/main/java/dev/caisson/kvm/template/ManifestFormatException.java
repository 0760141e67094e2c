package dev.caisson.kvm.template;

import java.io.IOException;

/** What was read is no manifest of a template. */
public final class ManifestFormatException extends IOException {
    private static final long serialVersionUID = 1;

    ManifestFormatException(String message) {
        super(message);
    }
}
