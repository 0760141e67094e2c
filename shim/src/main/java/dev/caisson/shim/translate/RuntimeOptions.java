package dev.caisson.shim.translate;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.caisson.backend.Backend;
import dev.caisson.backend.RootfsMount;
import dev.caisson.ttrpc.AnyTypes;
import dev.caisson.ttrpc.proto.types.Mount;
import java.util.ArrayList;
import java.util.List;

/**
 * Options of a containerd runtime. Callers send runc's message to any shim; CRI sends runtimeoptions.v1 to runtimes it does not
 * know. Both are accepted, and unknown types are warned about: refusing them would make the runtime unusable behind such a
 * caller.
 *
 * @param backend name of the wall
 */
public record RuntimeOptions(Backend.Options options, String backend) {
    private static final String RUNC = "containerd.runc.v1.Options";
    private static final String DEFAULT_BACKEND = "namespace";

    public static RuntimeOptions of(Any any) {
        if (any.getTypeUrl().isEmpty()) {
            return new RuntimeOptions(Backend.Options.DEFAULT, DEFAULT_BACKEND);
        }
        try {
            if (AnyTypes.messageName(any.getTypeUrl()).equals(RUNC)) {
                dev.caisson.ttrpc.proto.runc.Options o = dev.caisson.ttrpc.proto.runc.Options.parseFrom(any.getValue());
                return new RuntimeOptions(
                        new Backend.Options(
                                o.getNoPivotRoot(),
                                o.getNoNewKeyring(),
                                o.getSystemdCgroup(),
                                o.getIoUid(),
                                o.getIoGid(),
                                null),
                        DEFAULT_BACKEND);
            }
        } catch (InvalidProtocolBufferException e) {
            System.getLogger(RuntimeOptions.class.getName())
                    .log(
                            System.Logger.Level.WARNING,
                            "runtime options " + any.getTypeUrl() + " cannot be read: " + e.getMessage());
        }
        return new RuntimeOptions(Backend.Options.DEFAULT, DEFAULT_BACKEND);
    }

    public static List<RootfsMount> mounts(List<Mount> mounts) {
        List<RootfsMount> all = new ArrayList<>(mounts.size());
        for (Mount m : mounts) {
            all.add(new RootfsMount(m.getType(), m.getSource(), m.getTarget(), m.getOptionsList()));
        }
        return all;
    }
}
