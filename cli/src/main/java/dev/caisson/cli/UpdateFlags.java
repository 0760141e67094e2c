package dev.caisson.cli;

import dev.caisson.cli.grammar.Arguments;
import dev.caisson.cli.grammar.UsageException;
import dev.caisson.oci.Linux;
import dev.caisson.oci.Resources;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The limits that flags of {@code update} name. Pure. */
final class UpdateFlags {
    private final Arguments args;

    private UpdateFlags(Arguments args) {
        this.args = args;
    }

    static Resources of(Arguments args) throws UsageException, Failure {
        return new UpdateFlags(args).resources();
    }

    /**
     * @param before the container's
     * @return null when no flag names anything of it
     */
    static Linux.@Nullable IntelRdt intelRdt(Arguments args, Linux.@Nullable IntelRdt before) {
        String l3 = args.value("l3-cache-schema");
        String bandwidth = args.value("mem-bw-schema");
        if (l3 == null && bandwidth == null) {
            return null;
        }
        return before == null
                ? new Linux.IntelRdt(null, List.of(), l3, bandwidth, false)
                : new Linux.IntelRdt(before.closId(), List.of(), l3, bandwidth, before.enableMonitoring());
    }

    /** What the container has after a change: a schema that it does not name stays. */
    static Linux.IntelRdt applied(Linux.@Nullable IntelRdt before, Linux.IntelRdt change) {
        if (before == null) {
            return change;
        }
        return new Linux.IntelRdt(
                before.closId(),
                before.schemata(),
                change.l3CacheSchema() == null ? before.l3CacheSchema() : change.l3CacheSchema(),
                change.memBwSchema() == null ? before.memBwSchema() : change.memBwSchema(),
                before.enableMonitoring());
    }

    private Resources resources() throws UsageException, Failure {
        Resources.Builder b = new Resources.Builder();
        if (any("memory", "memory-reservation", "memory-swap")) {
            b.memory = new Resources.Memory(
                    size("memory"),
                    size("memory-reservation"),
                    size("memory-swap"),
                    null,
                    null,
                    null,
                    null,
                    null,
                    null);
        }
        if (any(
                "cpu-share",
                "cpu-quota",
                "cpu-burst",
                "cpu-period",
                "cpu-rt-runtime",
                "cpu-rt-period",
                "cpuset-cpus",
                "cpuset-mems",
                "cpu-idle")) {
            b.cpu = new Resources.Cpu(
                    args.number("cpu-share"),
                    args.number("cpu-quota"),
                    args.number("cpu-burst"),
                    args.number("cpu-period"),
                    args.number("cpu-rt-runtime"),
                    args.number("cpu-rt-period"),
                    args.value("cpuset-cpus"),
                    args.value("cpuset-mems"),
                    args.number("cpu-idle"));
        }
        if (any("pids-limit")) {
            b.pids = new Resources.Pids(args.number("pids-limit"));
        }
        Long weight = args.number("blkio-weight");
        if (weight != null) {
            if (weight < 0 || weight > 1000) {
                throw new Failure("invalid value for blkio-weight: " + weight);
            }
            b.blockIo = new Resources.BlockIo(
                    weight.intValue(), null, List.of(), List.of(), List.of(), List.of(), List.of());
        }
        return b.build();
    }

    private boolean any(String... flags) {
        for (String flag : flags) {
            if (args.value(flag) != null) {
                return true;
            }
        }
        return false;
    }

    private @Nullable Long size(String flag) throws Failure {
        String text = args.value(flag);
        return text == null ? null : Long.valueOf(ByteSize.parse(flag, text));
    }
}
