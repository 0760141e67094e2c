package dev.caisson.namespace.plan;

import dev.caisson.backend.RootfsMount;
import dev.caisson.oci.Linux;
import dev.caisson.oci.Mount;
import dev.caisson.oci.NamespaceType;
import dev.caisson.oci.ProcessSpec;
import dev.caisson.oci.Spec;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What a valid configuration may ask for and this host or this wall cannot do; found before anything is done. Pure. */
public final class Requirements {
    private Requirements() {}

    /** One sentence about the first thing that cannot be done, or null. */
    public static @Nullable String unmet(Spec spec, List<RootfsMount> rootfs, HostFacts host) {
        ProcessSpec process = spec.process();
        String reason = process == null ? null : unmet("process", process, host);
        if (reason != null) {
            return reason;
        }
        reason = LandlockPolicy.problem(spec.annotations(), host.landlockAbi());
        if (reason != null) {
            return "annotations." + LandlockPolicy.ANNOTATION + ": " + reason;
        }
        Linux linux = spec.linux();
        Linux.Namespace user = linux.namespace(NamespaceType.USER);
        HostFacts.User self = host.user();
        if (self != null && !linux.hasNamespace(NamespaceType.USER)) {
            return "linux.namespaces: a container of user " + self.uid() + " needs a user namespace";
        }
        if (self != null
                && !self.idMapPrograms()
                && user != null
                && user.path() == null
                && !(IdMapSteps.isOnly(linux.uidMappings(), self.uid())
                        && IdMapSteps.isOnly(linux.gidMappings(), self.gid()))) {
            return "linux.uidMappings: user " + self.uid() + " can map its own ids alone, 1 each; more need "
                    + HostFacts.NEWUIDMAP + " (Debian package uidmap) and ranges in /etc/subuid and /etc/subgid";
        }
        if (isSet(linux.mountLabel()) && !host.selinux()) {
            return "linux.mountLabel: SELinux is not enabled on this host";
        }
        Linux.Namespace network = linux.namespace(NamespaceType.NETWORK);
        if (!linux.netDevices().isEmpty()
                && user != null
                && user.path() != null
                && network != null
                && network.path() == null) {
            // Who has entered the user namespace cannot take a device from the host any more.
            return "linux.netDevices: not supported for a new network namespace in a joined user namespace";
        }
        for (int i = 0; i < spec.mounts().size(); i++) {
            reason = unmet(spec.mounts().get(i));
            if (reason != null) {
                return "mounts[" + i + "].options: " + reason;
            }
        }
        for (RootfsMount m : rootfs) {
            if (m.options().contains("loop") || hasOption(m.options(), "loop=")) {
                return "mount rootfs " + m.source() + ": option loop: loop devices are the snapshotter's to set up";
            }
            if (m.type().equals("overlay")) {
                int bytes = OverlayLayers.compact(
                                MountOptions.parse(m.options()).data())
                        .data()
                        .length();
                if (bytes > OverlayLayers.LIMIT) {
                    return "mount rootfs " + m.source() + ": options of " + bytes + " bytes do not fit into a page";
                }
            }
        }
        return null;
    }

    /** As {@link #unmet(Spec, List, HostFacts)} for a process that joins the container. */
    public static @Nullable String unmet(String path, ProcessSpec process, HostFacts host) {
        String profile = process.apparmorProfile();
        if (isSet(profile) && !"unconfined".equals(profile) && !host.apparmor()) {
            return path + ".apparmorProfile: AppArmor is not enabled on this host";
        }
        if (isSet(process.selinuxLabel()) && !host.selinux()) {
            return path + ".selinuxLabel: SELinux is not enabled on this host";
        }
        return null;
    }

    private static @Nullable String unmet(Mount m) {
        for (String option : m.options()) {
            if (option.startsWith("idmap=") || option.startsWith("ridmap=")) {
                String text = option.substring(option.indexOf('=') + 1);
                for (String part : text.split(";", -1)) {
                    if (!part.startsWith("uids=") && !part.startsWith("gids=")) {
                        return option + ": neither uids= nor gids=";
                    }
                    for (String triple : part.substring(5).split("#", -1)) {
                        if (MountOptions.inlineMapping(triple) == null) {
                            return option + ": '" + triple + "' is not three numbers";
                        }
                    }
                }
                if (!text.contains("uids=") || !text.contains("gids=")) {
                    return option + ": needs both uids= and gids=";
                }
            }
        }
        return null;
    }

    private static boolean hasOption(List<String> options, String prefix) {
        for (String option : options) {
            if (option.startsWith(prefix)) {
                return true;
            }
        }
        return false;
    }

    private static boolean isSet(@Nullable String text) {
        return text != null && !text.isEmpty();
    }
}
