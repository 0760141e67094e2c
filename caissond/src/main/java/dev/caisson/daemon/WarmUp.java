package dev.caisson.daemon;

import dev.caisson.backend.Backends;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.state.RecordStore;
import dev.caisson.cli.Neighbours;
import dev.caisson.cli.OciCommandLine;
import dev.caisson.oci.ProcessSpec;
import dev.caisson.oci.Spec;
import dev.caisson.oci.SpecTemplate;
import dev.caisson.oci.SpecWriter;
import dev.caisson.shim.ShimServices;
import dev.caisson.shim.command.ShimCommand;
import dev.caisson.shim.link.CommandClient;
import dev.caisson.shim.link.CommandLoop;
import dev.caisson.shim.link.HandsClient;
import dev.caisson.shim.link.LinkServer;
import dev.caisson.shim.link.MonitorClient;
import dev.caisson.shim.pod.PodRegistry;
import dev.caisson.shim.task.PracticeLife;
import dev.caisson.shim.task.TaskLifecycle;
import dev.caisson.shim.task.TaskService;
import dev.caisson.ttrpc.Methods;
import dev.caisson.ttrpc.ServerOptions;
import dev.caisson.ttrpc.ServiceNames;
import dev.caisson.ttrpc.ServiceRegistry;
import dev.caisson.ttrpc.TtrpcServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.stream.Stream;

/**
 * Makes a young daemon as fast as an old one. Java code is interpreted, ten times slower, until it has run some two hundred times; the
 * first two hundred containers would pay for that. So the daemon plays containerd, a monitor and commands to itself, in a state directory of its own and with
 * {@link PracticeWall containers that are none}, and lets its backends plan some that
 * nobody plays; the command line's part only where that is used. Each takes about a second of one processor, once, and leaves nothing behind.
 */
final class WarmUp {
    /** The C1 compiler takes a method after 200 calls. */
    static final int COMPILED = 250;

    /** What a life is made of happens several times in it, so that fewer do. */
    private static final int LIFE_DIVISOR = 6;

    private static final int EAGAIN = 11;
    /** Above every pid there is (PID_MAX_LIMIT). */
    private static final int NOBODY = 1 << 30;

    /** Whose requests are practised. */
    enum Of {
        CONTAINERD,
        COMMANDS
    }

    private final RecordStore parent;
    private final Of of;
    private final String name;
    private final int rounds;
    private final Path directory;
    private final CommandLoop commandLoop;
    private final ExecutorService executor;
    private final Backends backends;

    /**
     * @param of whose requests are practised
     * @param name of the directory in the state directory that everything happens in; this process's own
     * @param rounds how often everything is done
     */
    WarmUp(
            Of of,
            Path stateDirectory,
            String name,
            int rounds,
            CommandLoop commandLoop,
            ExecutorService executor,
            Backends backends) {
        this.of = of;
        this.parent = new RecordStore(stateDirectory);
        this.name = name;
        this.rounds = rounds;
        this.directory = stateDirectory.resolve(name);
        this.commandLoop = commandLoop;
        this.executor = executor;
        this.backends = backends;
    }

    /** Blocks until all is warm. A daemon that cannot rehearse serves nevertheless. */
    void run() {
        try {
            rehearse();
        } catch (IOException | ContainerFault e) {
            System.getLogger(WarmUp.class.getName())
                    .log(System.Logger.Level.DEBUG, "warm up in " + directory + ": " + e.getMessage());
        } finally {
            System.gc(); // what was thought in vain is not to stay
            try {
                parent.deleteTree(name);
            } catch (IOException e) {
                System.getLogger(WarmUp.class.getName())
                        .log(System.Logger.Level.WARNING, "remove " + directory + ": " + e.getMessage());
            }
        }
    }

    /** @throws IOException when something went otherwise than it should: then part of the code stays cold */
    void rehearse() throws IOException, ContainerFault {
        RecordStore store = new RecordStore(directory);
        parent.deleteTree(name);
        Files.createDirectories(directory.resolve("s"));
        writeBundle(directory);
        PodRegistry pods = services(store, directory, backends, executor);
        Path socket = directory.resolve("command.sock");
        try (LinkServer server = commandLoop.server(pods)) {
            server.listen(socket);
            for (int i = 0; i < rounds; i++) {
                if (of == Of.COMMANDS) {
                    command(socket, "command-" + i);
                    refused(socket, "state", "rehearsal");
                    continue;
                }
                startShim(socket, "start-" + i);
                if (i < rounds / LIFE_DIVISOR) {
                    practise(socket, "life-" + i);
                }
            }
        }
        if (of == Of.CONTAINERD) {
            backends.named("namespace").rehearse(rounds);
        }
    }

    /** What a container that is none is made from. */
    static void writeBundle(Path directory) throws IOException {
        Spec.Builder spec = SpecTemplate.rootful(true).toBuilder();
        spec.annotations = Map.of(Backends.ANNOTATION, PracticeWall.NAME);
        ProcessSpec.Builder process = java.util.Objects.requireNonNull(spec.process).toBuilder();
        process.terminal = false;
        spec.process = process.build();
        Files.write(directory.resolve("config.json"), SpecWriter.write(spec.build()));
    }

    /**
     * A daemon's services, with a wall more.
     *
     * @param directory for what does not belong into {@code store}
     */
    static PodRegistry services(RecordStore store, Path directory, Backends backends, ExecutorService executor) {
        Backends walls = new Backends(backends, new PracticeWall());
        PodRegistry pods = new PodRegistry(store, executor);
        TaskLifecycle lifecycle = new TaskLifecycle(store, walls, executor);
        Methods task = new TaskService(lifecycle, pods, executor).methods();
        TtrpcServer tasks = new TtrpcServer(
                ServiceRegistry.builder().service(ServiceNames.TASK_V2, task).build(), executor, ServerOptions.DEFAULT);
        ShimCommand shim = new ShimCommand(
                pods,
                lifecycle,
                walls,
                new ShimCommand.MonitorLaunch("/nonexistent", directory.toString(), "/nonexistent"),
                directory.resolve("s"),
                Version.TEXT);
        OciCommandLine oci = new OciCommandLine(walls, directory.resolve("oci"), Version.TEXT, Neighbours.NONE);
        pods.serve(new ShimServices(lifecycle, shim, call -> oci.run(new CommandInvocation(call))), () -> tasks);
        return pods;
    }

    /** What the command line is asked for in the lives of three containers. */
    private void command(Path socket, String id) throws IOException {
        int pid = (int) ProcessHandle.current().pid();
        String bundle = directory.toString();
        try (HandsClient.Waiting init =
                verb(socket, pid, "create", "--bundle", bundle, id).waiting()) {
            try (HandsClient start = asked(socket, pid, "start", id)) {
                init.awaitStart();
                end(start, "start");
            }
        }
        verb(socket, pid, "exec", id, "/bin/true").close();
        verb(socket, pid, "state", id).close();
        verb(socket, pid, "run", "--bundle", bundle, id + "-run").close();
        // Whoever has that pid ended long ago.
        try (HandsClient.Waiting _ = verb(socket, NOBODY, "create", "--bundle", bundle, id + "-ended")
                .waiting()) {
            verb(socket, NOBODY, "delete", id + "-ended").close();
        }
    }

    private HandsClient asked(Path socket, int pid, String... words) throws IOException {
        HandsClient hands = new HandsClient(socket, pid);
        hands.call(Stream.concat(Stream.of("caisson"), Stream.of(words)).toList(), directory);
        return hands;
    }

    private HandsClient verb(Path socket, int pid, String... words) throws IOException {
        HandsClient hands = asked(socket, pid, words);
        end(hands, words[0]);
        return hands;
    }

    private static void end(HandsClient hands, String verb) throws IOException {
        int code = hands.awaitEnd();
        if (code != 0) {
            hands.close();
            throw new IOException("rehearsed " + verb + " ends with " + code);
        }
    }

    /** Of a container that is not there. */
    private void refused(Path socket, String... verb) throws IOException {
        try (CommandClient command = new CommandClient(socket)) {
            command.call(Stream.concat(Stream.of("caisson"), Stream.of(verb)).toList(), directory);
            var _ = command.awaitEnd();
        }
    }

    /** A shim whose monitor could not be started. */
    private void startShim(Path socket, String id) throws IOException {
        try (CommandClient command = new CommandClient(socket)) {
            command.call(start(id), directory);
            command.startFailed(EAGAIN);
            while (command.awaitEnd() == 0) {
                // The daemon hoped for a monitor; that there is none it says next.
            }
        }
    }

    static List<String> start(String id) {
        return List.of(
                "containerd-shim-caisson-v2",
                "-namespace",
                "rehearsal",
                "-address",
                "/nonexistent",
                "-id",
                id,
                "start");
    }

    /** A container's life as containerd asks for it, with an exec. */
    private void practise(Path socket, String id) throws IOException {
        int pid = (int) ProcessHandle.current().pid();
        try (CommandClient command = new CommandClient(socket)) {
            command.call(start(id), directory);
            String pod = command.awaitMonitor();
            try (MonitorClient monitor = new MonitorClient(socket, pid, pod)) {
                command.started(pid);
                var _ = command.awaitEnd();
                PracticeLife.live(monitor, id, directory);
                monitor.awaitQuit();
            }
        }
    }
}
