package dev.caisson.cli;

import dev.caisson.backend.Checkpoint;
import dev.caisson.backend.Checkpoint.Option;
import dev.caisson.backend.Container;
import dev.caisson.backend.ContainerFault;
import dev.caisson.cli.grammar.Arguments;
import dev.caisson.oci.ContainerStatus;
import java.io.IOException;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** {@code checkpoint}, and the flags that it shares with {@code restore}. */
final class Checkpoints {
    private static final Set<String> CGROUP_MODES = Set.of("soft", "full", "strict", "ignore");
    private static final Map<String, Option> OPTIONS = Map.ofEntries(
            Map.entry("leave-running", Option.LEAVE_RUNNING),
            Map.entry("pre-dump", Option.PRE_DUMP),
            Map.entry("tcp-established", Option.TCP_ESTABLISHED),
            Map.entry("tcp-skip-in-flight", Option.TCP_SKIP_IN_FLIGHT),
            Map.entry("tcp-close", Option.TCP_CLOSE),
            Map.entry("link-remap", Option.LINK_REMAP),
            Map.entry("ext-unix-sk", Option.EXTERNAL_UNIX_SOCKETS),
            Map.entry("shell-job", Option.SHELL_JOB),
            Map.entry("file-locks", Option.FILE_LOCKS),
            Map.entry("auto-dedup", Option.AUTO_DEDUP),
            Map.entry("lazy-pages", Option.LAZY_PAGES));

    private Checkpoints() {}

    static void checkpoint(Request request) throws Failure, ContainerFault, IOException {
        String id = request.id();
        Containers containers = request.containers();
        ContainerRecord record = containers.store().require(id);
        ContainerStatus status = containers.status(id, record);
        if (status != ContainerStatus.RUNNING && status != ContainerStatus.PAUSED) {
            throw new Failure("Container cannot be checkpointed in " + status.wire() + " state");
        }
        Checkpoint asked = asked(request);
        Container container = containers.open(id, record, new LateLauncher(request.call()));
        container.checkpoint(containers.init(id, record), asked);
        if (!asked.is(Option.LEAVE_RUNNING) && !asked.is(Option.PRE_DUMP)) {
            container.destroy();
            containers.store().remove(id);
        }
        request.done();
    }

    static Checkpoint asked(Request request) throws Failure {
        Arguments args = request.args();
        EnumSet<Option> options = EnumSet.noneOf(Option.class);
        OPTIONS.forEach((flag, option) -> {
            if (args.is(flag)) {
                options.add(option);
            }
        });
        for (String namespace : args.values("empty-ns")) {
            if (!namespace.equals("network")) {
                throw new Failure("namespace " + namespace + " is not supported with --empty-ns, only network is");
            }
            options.add(Option.EMPTY_NETWORK);
        }
        var images = request.files().absolute(args.value("image-path", "checkpoint"));
        String work = args.value("work-path");
        return new Checkpoint(
                images,
                work == null ? images : request.files().absolute(work),
                options,
                parent(args.value("parent-path")),
                cgroupsMode(args.value("manage-cgroups-mode")),
                pageServer(args.value("page-server")),
                status(request, args.value("status-fd")),
                args.value("lsm-profile"),
                args.value("lsm-mount-context"));
    }

    private static @Nullable String parent(@Nullable String path) throws Failure {
        if (path != null && path.startsWith("/")) {
            throw new Failure("--parent-path " + path + " must be relative to --image-path");
        }
        return path;
    }

    private static @Nullable String cgroupsMode(@Nullable String mode) throws Failure {
        if (mode != null && !CGROUP_MODES.contains(mode)) {
            throw new Failure("Invalid manage-cgroups-mode value: " + mode);
        }
        return mode;
    }

    /** A descriptor of the command's, by a name with which its children can open it. */
    private static @Nullable String status(Request request, @Nullable String number) throws Failure {
        if (number == null || number.equals("-1")) {
            return null;
        }
        if (!number.matches("[0-9]{1,9}")) {
            throw new Failure("invalid value \"" + number + "\" for flag --status-fd");
        }
        return "/proc/" + request.call().pid() + "/fd/" + number;
    }

    private static @Nullable String pageServer(@Nullable String address) throws Failure {
        if (address != null && !address.matches(".+:[0-9]{1,5}")) {
            throw new Failure("Use --page-server ADDRESS:PORT to specify page server");
        }
        return address;
    }
}
