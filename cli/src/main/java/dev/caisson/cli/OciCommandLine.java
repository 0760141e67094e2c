package dev.caisson.cli;

import dev.caisson.backend.Backends;
import dev.caisson.backend.ContainerFault;
import dev.caisson.cli.grammar.ArgumentReader;
import dev.caisson.cli.grammar.Arguments;
import dev.caisson.cli.grammar.UsageException;
import dev.caisson.cli.grammar.Verb;
import dev.caisson.linux.Errno;
import dev.caisson.oci.InvalidSpecException;
import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** runc's command line. Stateless; each {@link #run} may block for as long as what it was asked for takes. */
public final class OciCommandLine {
    private static final int UNKNOWN_VERB = 3;
    private static final int EXEC_FAILED = 255;

    private final Backends backends;
    private final Path defaultRoot;
    private final String version;
    private final Neighbours neighbours;

    /**
     * @param defaultRoot where containers are kept for callers that name no root
     * @param version of this program
     * @param neighbours containers of others, which may be watched
     */
    public OciCommandLine(Backends backends, Path defaultRoot, String version, Neighbours neighbours) {
        this.backends = backends;
        this.defaultRoot = defaultRoot;
        this.version = version;
        this.neighbours = neighbours;
    }

    /** Serves one invocation to its end. */
    public void run(Invocation call) {
        CallerFiles files = CallerFiles.of(call);
        @Nullable Arguments args = null;
        int code = 1;
        String message;
        try {
            args = ArgumentReader.read(call.arguments());
            run(call, args, files);
            return;
        } catch (UsageException e) {
            code = e.isUnknownVerb() ? UNKNOWN_VERB : 1;
            message = e.getMessage();
        } catch (Failure e) {
            code = e.code();
            message = e.getMessage();
        } catch (ContainerFault | InvalidSpecException e) {
            message = e.getMessage();
        } catch (IOException e) {
            message = Errno.describe(e);
        } catch (RuntimeException e) {
            System.getLogger(OciCommandLine.class.getName())
                    .log(System.Logger.Level.ERROR, "command " + call.arguments() + " failed", e);
            message = e.toString();
        } catch (OutOfMemoryError e) {
            message = "caissond is out of memory";
        }
        Verb verb = args == null ? null : args.verb();
        if (verb != null && verb.name().equals("exec")) {
            code = EXEC_FAILED;
        }
        ErrorReport.of(call.arguments()).send(call, files, String.valueOf(message));
        call.end(code);
    }

    private void run(Invocation call, Arguments args, CallerFiles files)
            throws UsageException, Failure, ContainerFault, InvalidSpecException, IOException {
        Verb verb = args.verb();
        if (args.isGlobal("version")) {
            call.out(Help.version(version));
            call.end(0);
        } else if (verb == null || args.isGlobal("help") || args.is("help")) {
            call.out(Help.text(verb));
            call.end(0);
        } else {
            Request request = new Request(call, args, files, containers(args, files), neighbours);
            var _ = request.rootless(); // a wrong word is an error of every verb's
            verb(verb.name(), request);
        }
    }

    private Containers containers(Arguments args, CallerFiles files) throws Failure {
        String root = args.global("root");
        if (root == null) {
            return new Containers(new ContainerStore(defaultRoot), backends);
        }
        Path absolute = files.absolute(root);
        if (absolute.getNameCount() == 0) {
            throw new Failure("option --root must not be /");
        }
        return new Containers(new ContainerStore(files.here(absolute)), backends);
    }

    private static void verb(String name, Request request)
            throws UsageException, Failure, ContainerFault, InvalidSpecException, IOException {
        switch (name) {
            case "create" -> new Creation(request).create();
            case "run" -> new Creation(request).run();
            case "start" -> Lifecycle.start(request);
            case "state" -> Queries.state(request);
            case "kill" -> Lifecycle.kill(request);
            case "delete" -> Lifecycle.delete(request);
            case "exec" -> new Execution(request).run();
            case "ps" -> Queries.ps(request);
            case "list" -> Queries.list(request);
            case "pause" -> Lifecycle.pause(request);
            case "resume" -> Lifecycle.resume(request);
            case "update" -> Changes.update(request);
            case "mounts" -> Changes.mounts(request);
            case "devices" -> Changes.devices(request);
            case "events" -> Events.run(request);
            case "trace" -> Trace.run(request);
            case "policy" -> Policies.run(request);
            case "console" -> Machines.console(request);
            case "debug" -> Machines.debug(request);
            case "dump" -> Machines.dump(request);
            case "metrics" -> Machines.metrics(request);
            case "template" -> TemplateVerb.run(request);
            case "spec" -> Templates.spec(request);
            case "checkpoint" -> Checkpoints.checkpoint(request);
            case "restore" -> new Creation(request).restore();
            case "features" -> Queries.features(request);
            case "completion" -> Queries.completion(request);
            default -> throw new Failure(name + " is not supported by this version");
        }
    }
}
