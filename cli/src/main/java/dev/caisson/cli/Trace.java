package dev.caisson.cli;

import dev.caisson.backend.Container;
import dev.caisson.backend.ContainerFault;
import java.io.IOException;
import java.util.List;

/** The verb {@code trace}: what a running container asks the kernel that its wall has for it. */
final class Trace {
    private Trace() {}

    static void run(Request request) throws Failure, ContainerFault, IOException {
        String calls = request.args().value("call", "");
        String path = request.args().value("path", "");
        if (path.indexOf('\n') >= 0 || path.length() > 2048) {
            throw new Failure("option --path: a path of one line and at most 2048 characters");
        }
        Watched watched = Watched.of(request, request.id());
        watched.container()
                .trace(
                        request.call().pid(),
                        new Container.CallTrace(
                                request.args().is("json"),
                                pid(request.args().value("pid", "0")),
                                calls.isEmpty() ? List.of() : List.of(calls.split(",", -1)),
                                path));
        watched.awaitEnd();
        request.done();
    }

    private static int pid(String text) throws Failure {
        try {
            int pid = Integer.parseInt(text);
            if (pid >= 0) {
                return pid;
            }
        } catch (NumberFormatException e) {
            // said below
        }
        throw new Failure("option --pid: not a process id: " + text);
    }
}
