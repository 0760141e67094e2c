package dev.caisson.cli;

import dev.caisson.backend.Container;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.Launch;
import dev.caisson.backend.Launcher;
import dev.caisson.backend.ProcessExit;
import dev.caisson.linux.Errno;
import dev.caisson.oci.ContainerStatus;
import dev.caisson.oci.InvalidSpecException;
import dev.caisson.oci.ProcessReader;
import dev.caisson.oci.ProcessSpec;
import dev.caisson.oci.Spec;
import java.io.IOException;
import java.nio.file.Files;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;

/** {@code exec}. */
final class Execution {
    private static final String FAILED = "exec failed: unable to start container process: ";
    private static final long MAX_PROCESS_BYTES = 2L << 20;

    private final Request request;
    private final String id;

    Execution(Request request) throws Failure {
        this.request = request;
        this.id = request.id();
    }

    void run() throws Failure, ContainerFault, InvalidSpecException, IOException {
        boolean detach = request.args().is("detach");
        int resume = request.call().resume();
        if (resume != 0) {
            // An earlier daemon launched it, and was lost before it could say so. Its pid file comes before its end.
            request.call()
                    .end(
                            detach
                                    ? 0
                                    : ProcessExit.ofWaitStatus(resume >> 8, Instant.EPOCH)
                                            .code());
            return;
        }
        Containers containers = request.containers();
        ContainerRecord record = containers.store().require(id);
        check(containers.status(id, record));
        Spec spec = containers.spec(id);
        ProcessSpec process = process(spec);
        Invocation.Console console = request.console(process.terminal(), !detach);
        Launcher launcher = request.call()
                .launcher(new Invocation.Hands(
                        !detach, !detach && process.terminal(), request.preserved(), null, console));
        String socket = request.args().value("pidfd-socket");
        if (!detach && socket == null && request.args().value("pid-file") == null) {
            request.call().endWithMain();
        }
        Container container = containers.open(id, record, spec, launcher);
        Launch launch;
        try {
            launch = container.exec(
                    containers.init(id, record),
                    Invocation.MAIN_LAUNCH,
                    "exec " + id,
                    process,
                    Invocation.OWN_STREAMS,
                    subgroups());
        } catch (ContainerFault e) {
            throw new Failure(FAILED + e.getMessage(), e);
        }
        if (socket != null) {
            Descriptors.sendPidfd(request.files().here(socket).toString(), launch.pid(), "setns");
        }
        request.writePidFile(launch.pid());
        if (detach) {
            request.done();
        } else {
            request.call().endAsMain();
        }
    }

    /** {@code [CONTROLLER[,CONTROLLER...]:]PATH}, repeated. */
    private Map<String, String> subgroups() throws Failure {
        Map<String, String> byController = new LinkedHashMap<>();
        for (String value : request.args().values("cgroup")) {
            int colon = value.indexOf(':');
            String controllers = colon < 0 ? Container.ALL_CONTROLLERS : value.substring(0, colon);
            for (String controller : controllers.split(",", -1)) {
                if (byController.put(controller, value.substring(colon + 1)) != null) {
                    throw new Failure("invalid value \"" + value + "\" for flag --cgroup: "
                            + (controller.isEmpty() ? "a path" : controller) + " was given before");
                }
            }
        }
        return byController;
    }

    private void check(ContainerStatus status) throws Failure {
        switch (status) {
            case STOPPED, CREATING -> throw new Failure("cannot exec in a stopped container");
            case PAUSED -> {
                if (!request.args().is("ignore-paused")) {
                    throw new Failure("cannot exec in a paused container (use --ignore-paused to override)");
                }
            }
            case CREATED, RUNNING -> {}
        }
    }

    private ProcessSpec process(Spec spec) throws Failure, InvalidSpecException, IOException {
        String file = request.args().value("process");
        if (file == null) {
            return ExecProcess.of(spec, request.args(), request.listenFds());
        }
        var path = request.files().here(file);
        if (!Files.exists(path)) {
            throw new Failure("open " + file + ": " + Errno.ENOENT.description());
        }
        if (Files.size(path) > MAX_PROCESS_BYTES) {
            throw new Failure(file + ": larger than " + MAX_PROCESS_BYTES + " bytes");
        }
        return ProcessReader.read(Files.readAllBytes(path));
    }
}
