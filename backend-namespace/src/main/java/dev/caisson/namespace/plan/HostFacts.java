package dev.caisson.namespace.plan;

import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * What a plan depends on besides the specification.
 *
 * @param lastCapability highest capability number that the kernel knows (/proc/sys/kernel/cap_last_cap)
 * @param ownCapabilities permitted capabilities of the daemon and its monitors, as a mask
 * @param inUserNamespace whether daemon and monitors are a user's own: in a user namespace, so that there is no mknod
 * @param isDirectory whether a host path is a directory, for the kind of a bind mount's target
 * @param apparmor whether AppArmor is on
 * @param selinux whether SELinux is on
 * @param landlockAbi version of the kernel's Landlock, 0 for none or where nobody asks
 * @param netDevices addresses of the network devices that are to be moved, by name
 * @param user who daemon and monitors are, when they are not root
 * @param cgroupMounts where the host has cgroup hierarchies mounted
 */
public record HostFacts(
        int lastCapability,
        long ownCapabilities,
        boolean inUserNamespace,
        Predicate<String> isDirectory,
        boolean apparmor,
        boolean selinux,
        int landlockAbi,
        Map<String, List<InterfaceAddress>> netDevices,
        List<CgroupMount> cgroupMounts,
        @Nullable User user) {
    /** shadow's programs that write id maps which a user was given in /etc/subuid and /etc/subgid. */
    public static final String NEWUIDMAP = "/usr/bin/newuidmap";

    public static final String NEWGIDMAP = "/usr/bin/newgidmap";

    public HostFacts {
        netDevices = Map.copyOf(netDevices);
        cgroupMounts = List.copyOf(cgroupMounts);
    }

    /**
     * A user who runs containers.
     *
     * @param idMapPrograms whether newuidmap(1) and newgidmap(1) are installed
     */
    public record User(long uid, long gid, boolean idMapPrograms) {}

    /**
     * An address of a network device.
     *
     * @param address 4 or 16 bytes
     * @param prefix length of the network part
     * @param broadcast 4 bytes, or none
     */
    public record InterfaceAddress(List<Byte> address, int prefix, List<Byte> broadcast) {
        public InterfaceAddress {
            address = List.copyOf(address);
            broadcast = List.copyOf(broadcast);
        }
    }

    /**
     * One mounted hierarchy.
     *
     * @param name last part of the mount point, as the container will see it
     * @param controllers names of v1 controllers, for symlinks where several share a hierarchy; empty for v2
     * @param ownDirectory the container's group in it
     */
    public record CgroupMount(String name, List<String> controllers, String ownDirectory, boolean unified) {
        public CgroupMount {
            controllers = List.copyOf(controllers);
        }
    }
}
