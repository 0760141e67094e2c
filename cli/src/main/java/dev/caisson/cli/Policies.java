package dev.caisson.cli;

import dev.caisson.backend.ContainerFault;
import dev.caisson.linux.Errno;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** The verb {@code policy}: learns what a running container asks its wall for, and refuses everything else from then on. */
final class Policies {
    private static final int LONGEST = 1 << 20;

    private Policies() {}

    static void run(Request request) throws Failure, ContainerFault, IOException {
        List<String> words = request.args().words();
        String id = ContainerStore.requireId(words.get(1));
        switch (words.getFirst()) {
            case "record" -> {
                expect(words, 2, "policy record CONTAINER");
                Watched watched = Watched.of(request, id);
                watched.container().recordPolicy(request.call().pid());
                watched.awaitEnd();
            }
            case "enforce" -> {
                expect(words, 3, "policy enforce CONTAINER FILE");
                String policy = read(request, words.get(2));
                if (policy.isBlank()) {
                    throw new Failure("policy " + words.get(2) + " is empty; policy off takes one away");
                }
                Watched.of(request, id).container().enforcePolicy(policy);
            }
            case "off" -> {
                expect(words, 2, "policy off CONTAINER");
                Watched.of(request, id).container().enforcePolicy("");
            }
            default -> throw new Failure("neither record, enforce nor off: " + words.getFirst());
        }
        request.done();
    }

    private static void expect(List<String> words, int count, String usage) throws Failure {
        if (words.size() != count) {
            throw new Failure("usage: " + usage);
        }
    }

    private static String read(Request request, String name) throws Failure {
        Path file = request.files().here(name);
        try {
            if (Files.size(file) > LONGEST) {
                throw new Failure("read policy " + name + ": more than " + LONGEST + " bytes");
            }
            return Files.readString(file, StandardCharsets.ISO_8859_1);
        } catch (IOException e) {
            throw new Failure("read policy " + name + ": " + Errno.describe(e), e);
        }
    }
}
