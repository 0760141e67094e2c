package dev.caisson.image;

import java.io.IOException;

/** An image cannot be made of what was given; the message says why. */
final class ImageException extends IOException {
    private static final long serialVersionUID = 1L;

    ImageException(String message) {
        super(message);
    }
}
