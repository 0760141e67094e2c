package dev.caisson.namespace;

import dev.caisson.backend.Launch;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** The last gate of a plan, before its program: a byte lets it go, behind which its user's HOME may be. */
final class StartGate {
    /** How long a plan may take from one note to the next. */
    static final Duration BUILD_TIME = Duration.ofMinutes(2);

    static final byte GO = 'g';

    private StartGate() {}

    static void open(Launch launch, @Nullable String home) {
        ByteArrayOutputStream message = new ByteArrayOutputStream();
        message.write(GO);
        if (home != null) {
            message.writeBytes(("HOME=" + home).getBytes(StandardCharsets.ISO_8859_1));
            message.write(0);
        }
        launch.gate(message.toByteArray());
    }
}
