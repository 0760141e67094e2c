package dev.caisson.kvm.boot;

import java.io.IOException;

/** A file is not a kernel that can be booted here; the message says what is wrong with it. */
public final class KernelFormatException extends IOException {
    private static final long serialVersionUID = 1L;

    public KernelFormatException(String message) {
        super(message);
    }
}
