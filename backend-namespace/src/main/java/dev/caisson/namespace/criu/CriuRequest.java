package dev.caisson.namespace.criu;

import dev.caisson.backend.Checkpoint;
import dev.caisson.backend.Checkpoint.Option;
import dev.caisson.namespace.criu.rpc.CgroupRoot;
import dev.caisson.namespace.criu.rpc.CriuCgMode;
import dev.caisson.namespace.criu.rpc.CriuOpts;
import dev.caisson.namespace.criu.rpc.CriuReq;
import dev.caisson.namespace.criu.rpc.CriuReqType;
import dev.caisson.namespace.criu.rpc.InheritFd;
import dev.caisson.namespace.criu.rpc.JoinNamespace;
import dev.caisson.namespace.criu.rpc.PageServer;
import dev.caisson.namespace.plan.CriuPlan;
import dev.caisson.oci.Mount;
import dev.caisson.oci.NamespaceType;
import dev.caisson.oci.Spec;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** What CRIU is asked (criu.org/RPC, 3.17). What is outside of a container gets names that runc's images have as well. Pure. */
final class CriuRequest {
    static final String DUMP_LOG = "dump.log";
    static final String RESTORE_LOG = "restore.log";
    private static final String CONFIG_ANNOTATION = "org.criu.config";
    private static final String NULL = "/dev/null";
    private static final int ALL_THAT_IT_DOES = 4;
    private static final int CLONE_NEWNET = 0x40000000;

    private final Spec spec;
    private final Checkpoint asked;
    private final CriuOpts.Builder opts = CriuOpts.newBuilder();

    private CriuRequest(Spec spec, Checkpoint asked) {
        this.spec = spec;
        this.asked = asked;
    }

    /**
     * A namespace of the host's, which the container is in by path.
     *
     * @param inode its number in {@code /proc/PID/ns}
     */
    record Joined(NamespaceType type, String path, long inode) {}

    /**
     * @param pid init
     * @param nodes devices whose nodes in the container are the host's
     * @param isFile whether a masked path of the container is a file: those are covered by the host's null device
     * @param freezer the container's own version 2 group; null without one
     * @param config a file of CRIU's options that go before all of these; null for none
     */
    static CriuReq dump(
            Spec spec,
            Checkpoint asked,
            int pid,
            Predicate<String> isFile,
            List<String> nodes,
            List<Joined> joined,
            @Nullable String freezer,
            @Nullable String config) {
        CriuRequest r = new CriuRequest(spec, asked);
        CriuOpts.Builder opts = r.opts;
        r.common(DUMP_LOG, config);
        opts.setPid(pid);
        if (freezer != null) {
            opts.setFreezeCgroup(freezer);
        }
        opts.setLeaveRunning(asked.is(Option.LEAVE_RUNNING));
        if (asked.parent() != null) {
            opts.setParentImg(asked.parent());
        }
        opts.setTrackMem(asked.parent() != null || asked.is(Option.PRE_DUMP));
        if (asked.pageServer() != null) {
            // With LAZY_PAGES CRIU is the server, and this is where it listens.
            int colon = asked.pageServer().lastIndexOf(':');
            opts.setPs(PageServer.newBuilder()
                    .setAddress(asked.pageServer().substring(0, colon))
                    .setPort(Integer.parseInt(asked.pageServer().substring(colon + 1))));
        }
        if (asked.status() != null) {
            opts.setStatusFd(CriuPlan.STATUS);
        }
        for (String inside : r.outside(nodes).keySet()) {
            opts.addExternal("mnt[" + inside + "]:" + inside);
        }
        for (String masked : spec.linux().maskedPaths()) {
            if (isFile.test(masked)) {
                opts.addExternal("mnt[" + masked + "]:" + NULL);
            }
        }
        for (Joined j : joined) {
            String key = key(j.type());
            if (key != null) {
                opts.addExternal(name(j.type()) + "[" + j.inode() + "]:" + key);
            }
        }
        return r.build(asked.is(Option.PRE_DUMP) ? CriuReqType.PRE_DUMP : CriuReqType.DUMP);
    }

    /**
     * @param rootfs a mount point
     * @param inherited what stands for descriptors of the image: number by CRIU's name for it
     * @param cgroup the group that the container's is replaced by; null without one
     * @param config as for a dump
     */
    static CriuReq restore(
            Spec spec,
            Path bundle,
            Checkpoint asked,
            String rootfs,
            Map<String, Integer> inherited,
            List<String> nodes,
            List<Joined> joined,
            @Nullable String cgroup,
            @Nullable String config) {
        CriuRequest r = new CriuRequest(spec, asked);
        CriuOpts.Builder opts = r.opts;
        r.common(RESTORE_LOG, config);
        opts.setNotifyScripts(true);
        // Its parent is to be the command's caller in the end, and never CRIU.
        opts.setRstSibling(true);
        opts.setRoot(rootfs);
        opts.setEvasiveDevices(true);
        if (cgroup != null) {
            opts.addCgRoot(CgroupRoot.newBuilder().setPath(cgroup));
        }
        if (asked.lsmProfile() != null) {
            opts.setLsmProfile(asked.lsmProfile());
        }
        if (asked.lsmMountContext() != null) {
            opts.setLsmMountContext(asked.lsmMountContext());
        }
        Map<String, String> outside = r.outside(nodes);
        if (!spec.linux().maskedPaths().isEmpty()) {
            outside.put(NULL, NULL); // what the image calls the cover of every masked file
        }
        outside.forEach((name, source) ->
                opts.addExternal("mnt[" + name + "]:" + bundle.resolve(source).normalize()));
        inherited.forEach((name, fd) ->
                opts.addInheritFd(InheritFd.newBuilder().setKey(name).setFd(fd)));
        for (Joined j : joined) {
            if (key(j.type()) == null) {
                opts.addJoinNs(JoinNamespace.newBuilder().setNs(name(j.type())).setNsFile(j.path()));
            }
        }
        return r.build(CriuReqType.RESTORE);
    }

    /** CRIU's name for a joined namespace that it does not enter itself; null for those that it does. */
    static @Nullable String key(NamespaceType type) {
        return switch (type) {
            case NETWORK -> "extRootNetNS";
            case PID -> "extRootPidNS";
            default -> null;
        };
    }

    /** As files in /proc/PID/ns are called. */
    private static String name(NamespaceType type) {
        return switch (type) {
            case NETWORK -> "net";
            case MOUNT -> "mnt";
            default -> type.wire();
        };
    }

    private CriuReq build(CriuReqType type) {
        return CriuReq.newBuilder().setType(type).setOpts(opts).build();
    }

    private void common(String log, @Nullable String config) {
        opts.setImagesDirFd(CriuPlan.IMAGES);
        opts.setWorkDirFd(CriuPlan.WORK);
        opts.setLogFile(log);
        opts.setLogLevel(ALL_THAT_IT_DOES);
        opts.setManageCgroupsMode(
                switch (asked.cgroupsMode()) {
                    case "full" -> CriuCgMode.FULL;
                    case "strict" -> CriuCgMode.STRICT;
                    case "ignore" -> CriuCgMode.IGNORE;
                    case null, default -> CriuCgMode.SOFT;
                });
        String own = spec.annotations().getOrDefault(CONFIG_ANNOTATION, config);
        if (own != null) {
            opts.setConfigFile(own);
        }
        // A terminal's master is outside: whoever copies its bytes has it.
        opts.setOrphanPtsMaster(true);
        opts.setTcpEstablished(asked.is(Option.TCP_ESTABLISHED));
        opts.setTcpSkipInFlight(asked.is(Option.TCP_SKIP_IN_FLIGHT));
        opts.setTcpClose(asked.is(Option.TCP_CLOSE));
        opts.setLinkRemap(asked.is(Option.LINK_REMAP));
        opts.setExtUnixSk(asked.is(Option.EXTERNAL_UNIX_SOCKETS));
        opts.setShellJob(asked.is(Option.SHELL_JOB));
        opts.setFileLocks(asked.is(Option.FILE_LOCKS));
        opts.setAutoDedup(asked.is(Option.AUTO_DEDUP));
        opts.setLazyPages(asked.is(Option.LAZY_PAGES));
        if (asked.is(Option.EMPTY_NETWORK)) {
            opts.setEmptyNs(CLONE_NEWNET);
        }
    }

    /** What is mounted in the container from the host: path inside, and source. */
    private Map<String, String> outside(List<String> nodes) {
        Map<String, String> outside = new LinkedHashMap<>();
        for (Mount m : spec.mounts()) {
            if (m.isBind() && m.source() != null) {
                outside.put(m.destination(), m.source());
            }
        }
        for (String node : nodes) {
            outside.put(node, node);
        }
        return outside;
    }
}
