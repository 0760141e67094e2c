package dev.caisson.tests.backends;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** {@code ip} of iproute2, on the host. */
final class IpCommand {
    private IpCommand() {}

    /** @param words with a blank between two, as at a shell */
    static void ip(String words) throws Exception {
        List<String> command = new ArrayList<>(List.of("ip"));
        command.addAll(List.of(words.split(" ", -1)));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as("ip %s: %s", words, said).isZero();
    }
}
