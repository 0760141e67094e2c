package dev.caisson.namespace;

import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.Landlock;
import dev.caisson.linux.Processes;
import dev.caisson.linux.cgroup.CgroupException;
import dev.caisson.linux.cgroup.CgroupHierarchy;
import dev.caisson.linux.cgroup.CgroupLayout;
import dev.caisson.linux.cgroup.CgroupPath;
import dev.caisson.namespace.plan.HostFacts;
import dev.caisson.namespace.plan.LandlockPolicy;
import dev.caisson.oci.Linux;
import java.net.InetAddress;
import java.net.InterfaceAddress;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** What was found out about this host, once. */
record Host(
        CgroupLayout cgroups,
        int lastCapability,
        long ownCapabilities,
        boolean inUserNamespace,
        boolean apparmor,
        boolean selinux,
        HostFacts.@Nullable User user) {
    private static final String ALL_IDS = "4294967295";

    static Host detect() throws ErrnoException, CgroupException {
        int last =
                Integer.parseInt(HostFiles.text("/proc/sys/kernel/cap_last_cap").strip());
        long own = 0;
        for (String line : HostFiles.text("/proc/self/status").split("\n", -1)) {
            if (line.startsWith("CapPrm:")) {
                own = Long.parseUnsignedLong(line.substring(7).strip(), 16);
            }
        }
        // user_namespaces(7): the initial one maps all ids to themselves.
        boolean inUser = !HostFiles.text("/proc/self/uid_map").strip().endsWith(ALL_IDS);
        String apparmor = HostFiles.textIfPresent("/sys/module/apparmor/parameters/enabled");
        return new Host(
                CgroupLayout.detect(),
                last,
                own,
                inUser,
                apparmor != null && apparmor.startsWith("Y"),
                HostFiles.exists("/sys/fs/selinux/enforce"),
                ownUser());
    }

    HostFacts facts(CgroupPath path, Linux linux) {
        return facts(path, linux, Map.of());
    }

    /** @param annotations decide about what is looked up only where it is used */
    HostFacts facts(CgroupPath path, Linux linux, Map<String, String> annotations) {
        return facts(path::directory, linux, annotations);
    }

    /** @param ownDirectory the container's group in a hierarchy */
    HostFacts facts(Function<CgroupHierarchy, String> ownDirectory, Linux linux, Map<String, String> annotations) {
        List<HostFacts.CgroupMount> mounts = new ArrayList<>();
        for (CgroupHierarchy h : cgroups.hierarchies()) {
            String name = h.mountPoint().substring(h.mountPoint().lastIndexOf('/') + 1);
            mounts.add(new HostFacts.CgroupMount(
                    name, h.unified() ? List.of() : h.controllers(), ownDirectory.apply(h), h.unified()));
        }
        return new HostFacts(
                lastCapability,
                ownCapabilities,
                inUserNamespace,
                p -> Files.isDirectory(Path.of(p)),
                apparmor,
                selinux,
                annotations.containsKey(LandlockPolicy.ANNOTATION) ? Landlock.abi() : 0,
                addresses(linux),
                mounts,
                user);
    }

    /** Null for root, of a user namespace as well: who has mapped ids for it has done what is left to do here. */
    private static HostFacts.@Nullable User ownUser() {
        int uid = Processes.effectiveUid();
        boolean programs = NoCgroup.isInstalled(HostFacts.NEWUIDMAP) && NoCgroup.isInstalled(HostFacts.NEWGIDMAP);
        return uid == 0
                ? null
                : new HostFacts.User(uid & 0xffff_ffffL, Processes.effectiveGid() & 0xffff_ffffL, programs);
    }

    /** Addresses of global scope of the devices that are to move; one that does not exist is found out by the plan. */
    private static Map<String, List<HostFacts.InterfaceAddress>> addresses(Linux linux) {
        Map<String, List<HostFacts.InterfaceAddress>> all = new HashMap<>();
        for (String name : linux.netDevices().keySet()) {
            List<HostFacts.InterfaceAddress> addresses = new ArrayList<>();
            try {
                NetworkInterface device = NetworkInterface.getByName(name);
                if (device != null) {
                    for (InterfaceAddress a : device.getInterfaceAddresses()) {
                        InetAddress address = a.getAddress();
                        if (!address.isLinkLocalAddress() && !address.isLoopbackAddress()) {
                            addresses.add(new HostFacts.InterfaceAddress(
                                    bytes(address), a.getNetworkPrefixLength(), bytes(a.getBroadcast())));
                        }
                    }
                }
            } catch (SocketException e) {
                addresses.clear();
            }
            all.put(name, addresses);
        }
        return all;
    }

    private static List<Byte> bytes(@Nullable InetAddress address) {
        List<Byte> bytes = new ArrayList<>();
        if (address != null) {
            for (byte b : address.getAddress()) {
                bytes.add(b);
            }
        }
        return bytes;
    }
}
