package dev.caisson.shim.translate;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.caisson.backend.Backend;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.RootfsMount;
import dev.caisson.linux.Errno;
import dev.caisson.ttrpc.AnyTypes;
import dev.caisson.ttrpc.proto.types.Mount;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Options of a containerd runtime. Callers send runc's message to any shim; CRI sends runtimeoptions.v1 to runtimes it does not
 * know. Both are accepted, and unknown types are warned about: refusing them would make the runtime unusable behind such a
 * caller.
 *
 * @param backend name of the wall; empty: what the runtime's name stands for
 * @param shimCgroup an existing cgroup for the pod's monitor; empty: where containerd is
 */
public record RuntimeOptions(Backend.Options options, String backend, String shimCgroup) {
    private static final String RUNC = "containerd.runc.v1.Options";
    private static final String GENERIC = "runtimeoptions.v1.Options";
    private static final String KNOWN =
            "backend, no_pivot_root, no_new_keyring, systemd_cgroup, io_uid, io_gid, shim_cgroup";
    private static final RuntimeOptions DEFAULT = new RuntimeOptions(Backend.Options.DEFAULT, "", "");

    /** @throws ContainerFault text that is no option of this runtime's, or a file that cannot be read */
    public static RuntimeOptions of(Any any) throws ContainerFault {
        if (any.getTypeUrl().isEmpty()) {
            return DEFAULT;
        }
        try {
            String name = AnyTypes.messageName(any.getTypeUrl());
            if (name.equals(RUNC)) {
                return of(dev.caisson.ttrpc.proto.runc.Options.parseFrom(any.getValue()));
            }
            // containerd 1.6 has the same message in a package of its own.
            if (name.equals(GENERIC) || name.equals("cri." + GENERIC)) {
                return of(dev.caisson.ttrpc.proto.runtimeoptions.Options.parseFrom(any.getValue()));
            }
        } catch (InvalidProtocolBufferException e) {
            System.getLogger(RuntimeOptions.class.getName())
                    .log(
                            System.Logger.Level.WARNING,
                            "runtime options " + any.getTypeUrl() + " cannot be read: " + e.getMessage());
        }
        return DEFAULT;
    }

    private static RuntimeOptions of(dev.caisson.ttrpc.proto.runc.Options o) {
        return new RuntimeOptions(
                new Backend.Options(
                        o.getNoPivotRoot(),
                        o.getNoNewKeyring(),
                        o.getSystemdCgroup(),
                        o.getIoUid(),
                        o.getIoGid(),
                        null),
                "",
                o.getShimCgroup());
    }

    private static RuntimeOptions of(dev.caisson.ttrpc.proto.runtimeoptions.Options o) throws ContainerFault {
        if (o.getConfigPath().isEmpty()) {
            return of(OptionsText.parse(o.getConfigBody().toStringUtf8()));
        }
        Path file = Path.of(o.getConfigPath().replace('\0', '?'));
        try {
            if (Files.size(file) > OptionsText.MAX_BYTES) {
                throw OptionsText.invalid(file + " is larger than " + OptionsText.MAX_BYTES + " bytes");
            }
            return of(OptionsText.parse(new String(Files.readAllBytes(file), StandardCharsets.UTF_8)));
        } catch (IOException e) {
            throw OptionsText.invalid("read " + file + ": " + Errno.describe(e));
        }
    }

    private static RuntimeOptions of(Map<String, String> options) throws ContainerFault {
        String backend = "";
        String shimCgroup = "";
        boolean noPivotRoot = false;
        boolean noNewKeyring = false;
        boolean systemdCgroup = false;
        int ioUid = -1;
        int ioGid = -1;
        for (Map.Entry<String, String> option : options.entrySet()) {
            String value = option.getValue();
            switch (option.getKey()) {
                case "backend" -> backend = value;
                case "shimcgroup" -> shimCgroup = value;
                case "nopivotroot" -> noPivotRoot = flag("no_pivot_root", value);
                case "nonewkeyring" -> noNewKeyring = flag("no_new_keyring", value);
                case "systemdcgroup" -> systemdCgroup = flag("systemd_cgroup", value);
                case "iouid" -> ioUid = id("io_uid", value);
                case "iogid" -> ioGid = id("io_gid", value);
                default ->
                    throw OptionsText.invalid(
                            "unknown option \"" + OptionsText.shown(option.getKey()) + "\" (known: " + KNOWN + ")");
            }
        }
        return new RuntimeOptions(
                new Backend.Options(noPivotRoot, noNewKeyring, systemdCgroup, ioUid, ioGid, null), backend, shimCgroup);
    }

    private static boolean flag(String name, String value) throws ContainerFault {
        return switch (value) {
            case "true" -> true;
            case "false" -> false;
            default -> throw OptionsText.invalid(name + " must be true or false");
        };
    }

    private static int id(String name, String value) throws ContainerFault {
        try {
            return Integer.parseUnsignedInt(value);
        } catch (NumberFormatException e) {
            throw OptionsText.invalid(name + " must be a user or group number");
        }
    }

    public static List<RootfsMount> mounts(List<Mount> mounts) {
        List<RootfsMount> all = new ArrayList<>(mounts.size());
        for (Mount m : mounts) {
            all.add(new RootfsMount(m.getType(), m.getSource(), m.getTarget(), m.getOptionsList()));
        }
        return all;
    }
}
