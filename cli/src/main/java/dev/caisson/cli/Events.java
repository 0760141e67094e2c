package dev.caisson.cli;

import dev.caisson.backend.Container;
import dev.caisson.backend.ContainerFault;
import dev.caisson.oci.ContainerStatus;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.format.DateTimeParseException;

/** {@code events}. */
final class Events {
    private static final Duration LOOK = Duration.ofMillis(100);

    private Events() {}

    static void run(Request request) throws Failure, ContainerFault, IOException {
        String id = request.id();
        Containers containers = request.containers();
        ContainerRecord record = containers.store().require(id);
        if (containers.status(id, record) == ContainerStatus.STOPPED) {
            throw new Failure("container with id " + id + " is not running");
        }
        Duration interval = interval(request.args().value("interval", "5s"));
        Container container = containers.open(id, record, new LateLauncher(request.call()));
        if (request.args().is("stats")) {
            request.out(EventJson.stats(id, container.stats()) + "\n");
        } else {
            stream(request, id, record, container, interval);
        }
        request.done();
    }

    /** Until the container stops or the caller goes away. */
    private static void stream(
            Request request, String id, ContainerRecord record, Container container, Duration interval)
            throws Failure, ContainerFault {
        long ooms = container.oomKills();
        long next = System.nanoTime() + interval.toNanos();
        try {
            while (!request.call().isGone() && Containers.runs(record.init())) {
                Thread.sleep(LOOK);
                long now = container.oomKills();
                for (; ooms < now; ooms++) {
                    say(request, EventJson.oom(id));
                }
                if (System.nanoTime() - next >= 0 && Containers.runs(record.init())) {
                    next += interval.toNanos();
                    say(request, EventJson.stats(id, container.stats()));
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new Failure("interrupted while watching " + id, e);
        }
    }

    private static void say(Request request, String line) {
        request.call().outNow((line + "\n").getBytes(StandardCharsets.UTF_8));
    }

    /** Go's durations, of which one unit is enough: 500ms, 5s, 1m. */
    static Duration interval(String text) throws Failure {
        try {
            Duration d = text.endsWith("ms")
                    ? Duration.ofMillis(Long.parseLong(text.substring(0, text.length() - 2)))
                    : Duration.parse("PT" + text);
            if (d.isPositive()) {
                return d;
            }
        } catch (NumberFormatException | DateTimeParseException e) {
            // said below
        }
        throw new Failure("duration interval must be greater than 0, as in 5s: " + text);
    }
}
