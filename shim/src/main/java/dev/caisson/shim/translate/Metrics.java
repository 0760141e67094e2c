package dev.caisson.shim.translate;

import com.google.protobuf.Any;
import com.google.protobuf.CodedOutputStream;
import dev.caisson.linux.cgroup.CgroupMode;
import dev.caisson.linux.cgroup.CgroupStats;
import dev.caisson.ttrpc.AnyTypes;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;

/** Statistics as containerd's collector wants them: the message must be that of the host's cgroup mode. */
public final class Metrics {
    private Metrics() {}

    public static Any of(CgroupStats stats) {
        // A hybrid host counts by its v1 controllers, and containerd looks at it as v1.
        return stats.mode() == CgroupMode.V2 ? AnyTypes.pack(MetricsV2.of(stats)) : AnyTypes.pack(MetricsV1.of(stats));
    }

    /** A message of only uint64 fields 1, 2, ... whose values are named entries of a kernel file. */
    static byte[] numbered(Map<String, Long> values, List<String> names) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(256);
        CodedOutputStream out = CodedOutputStream.newInstance(bytes);
        try {
            for (int i = 0; i < names.size(); i++) {
                Long value = values.get(names.get(i));
                if (value != null && value != 0) {
                    out.writeUInt64(i + 1, value);
                }
            }
            out.flush();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bytes.toByteArray();
    }
}
