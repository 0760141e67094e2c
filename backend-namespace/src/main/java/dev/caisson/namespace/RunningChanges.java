package dev.caisson.namespace;

import dev.caisson.backend.Backend.CreateRequest;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.Launch;
import dev.caisson.backend.Launcher;
import dev.caisson.backend.ProcessExit;
import dev.caisson.linux.Processes;
import dev.caisson.linux.cgroup.CgroupPath;
import dev.caisson.linux.plan.LaunchPlan;
import dev.caisson.namespace.plan.PlanInput;
import dev.caisson.namespace.plan.RunningPlan;
import dev.caisson.oci.DeviceRuleType;
import dev.caisson.oci.DeviceType;
import dev.caisson.oci.InvalidSpecException;
import dev.caisson.oci.Linux;
import dev.caisson.oci.Mount;
import dev.caisson.oci.Resources;
import dev.caisson.oci.Spec;
import dev.caisson.oci.SpecValidator;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Mounts and device nodes that come to, and go from, one running container. Each change is a launch that ends when it is made. */
final class RunningChanges {
    private static final Duration TIME = Duration.ofSeconds(30);

    private final CreateRequest request;
    private final Launcher launcher;
    private final Host host;
    private final CgroupPath cgroupPath;
    private final Path rootfs;

    RunningChanges(ContainerParts parts) {
        this.request = parts.request();
        this.launcher = parts.launcher();
        this.host = parts.host();
        this.cgroupPath = parts.cgroupPath();
        this.rootfs = parts.rootfs();
    }

    void addMount(Launch init, Mount mount) throws ContainerFault {
        String what = "add mount " + mount.destination() + " to container " + request.id();
        if (!mount.isBind() && !"tmpfs".equals(mount.type())) {
            // Others take what they show from namespaces of whoever mounts, or a source from paths that are the
            // container's to change.
            throw new ContainerFault(
                    Kind.UNSUPPORTED, what + ": only a bind or a tmpfs can be added to a running container");
        }
        checkDestination(what, mount.destination());
        validate(what, mount);
        Spec spec = request.spec();
        PlanInput input = new PlanInput(
                request.id(),
                spec,
                request.bundle().toString(),
                rootfs.toString(),
                List.of(),
                false,
                false,
                -1,
                -1,
                host.facts(cgroupPath, spec.linux()),
                PlanInput.CgroupJoin.NONE,
                null,
                PlanInput.HookStates.NONE,
                launcher.handover(),
                null);
        play(what, RunningPlan.addMount(init.pid(), input, mount));
    }

    void removeMount(Launch init, String destination) throws ContainerFault {
        String what = "remove mount " + destination + " from container " + request.id();
        checkDestination(what, destination);
        Linux linux = request.spec().linux();
        for (List<String> guards : List.of(linux.maskedPaths(), linux.readonlyPaths())) {
            for (String guard : guards) {
                if (guard.equals(destination) || guard.startsWith(destination + "/")) {
                    throw new ContainerFault(
                            Kind.INVALID, what + ": it would uncover " + guard + ", which the configuration hides");
                }
            }
        }
        play(what, RunningPlan.removeMount(init.pid(), request.spec(), destination));
    }

    void check(Linux.Device device, String access) throws ContainerFault {
        String what = "device " + device.path() + " of container " + request.id();
        checkDestination(what, device.path());
        if (device.type() == DeviceType.FIFO || device.major() == null || device.minor() == null) {
            throw new ContainerFault(Kind.INVALID, what + ": neither a character nor a block device with two numbers");
        }
        if (!access.matches("[rwm]{1,3}")) {
            throw new ContainerFault(Kind.INVALID, what + ": access \"" + access + "\" is not of the letters rwm");
        }
    }

    static Resources.DeviceRule rule(Linux.Device device, boolean allow, String access) {
        DeviceRuleType type = device.type() == DeviceType.BLOCK ? DeviceRuleType.BLOCK : DeviceRuleType.CHAR;
        return new Resources.DeviceRule(allow, type, device.major(), device.minor(), access);
    }

    void addDevice(Launch init, Linux.Device device) throws ContainerFault {
        play(
                "add device " + device.path() + " to container " + request.id(),
                RunningPlan.addDevice(init.pid(), request.spec(), device, host.inUserNamespace()));
    }

    void removeDevice(Launch init, Linux.Device device) throws ContainerFault {
        play(
                "remove device " + device.path() + " from container " + request.id(),
                RunningPlan.removeDevice(init.pid(), request.spec(), device, host.inUserNamespace()));
    }

    /** Absolute, clean, and not the root: what is compared with the configuration's paths has one spelling. */
    private static void checkDestination(String what, String path) throws ContainerFault {
        boolean clean = path.startsWith("/")
                && path.length() > 1
                && !(path + "/").contains("//")
                && !(path + "/").contains("/./")
                && !(path + "/").contains("/../")
                && path.indexOf('\0') < 0;
        if (!clean) {
            throw new ContainerFault(Kind.INVALID, what.replace('\0', '?') + ": not an absolute, clean path below /");
        }
    }

    /** The rules of a configuration's mounts, in a configuration that has this one. */
    private void validate(String what, Mount mount) throws ContainerFault {
        Spec.Builder b = request.spec().toBuilder();
        b.mounts = List.of(mount);
        try {
            SpecValidator.validate(b.build()).throwIfInvalid(what);
        } catch (InvalidSpecException e) {
            throw new ContainerFault(Kind.INVALID, String.valueOf(e.getMessage()), e);
        }
    }

    private void play(String what, LaunchPlan plan) throws ContainerFault {
        Launch launch =
                launcher.spawn(launcher.nextId(), "change of " + request.id(), plan, 0, Set.of(Launcher.Flag.SELF));
        try {
            launch.awaitLaunched(TIME);
            if (!launch.awaitExit(TIME)) {
                launch.kill(Processes.SIGKILL);
                throw new ContainerFault(Kind.FAILED, what + ": not finished within " + TIME.toSeconds() + " s");
            }
            // A step that failed is told before the end is.
            launch.awaitLaunched(TIME);
            @Nullable ProcessExit exit = launch.exit().getNow(null);
            if (exit != null && exit.code() != 0) {
                throw new ContainerFault(Kind.FAILED, what + ": exit status " + exit.code());
            }
        } catch (ContainerFault e) {
            throw e.getMessage() != null && e.getMessage().startsWith(what)
                    ? e
                    : new ContainerFault(e.kind(), what + ": " + e.getMessage(), e);
        } finally {
            launch.forget();
        }
    }
}
