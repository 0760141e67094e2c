package dev.caisson.oci;

import java.time.Instant;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A container's state (runtime-spec "State"), with the further properties that runc's {@code state} and {@code list} give.
 *
 * @param ociVersion version of the spec that the state follows
 * @param id the container's id
 * @param status where it is in its life
 * @param pid its init: as seen by the reader of the state; 0 when there is none
 * @param bundle absolute path of the bundle
 * @param rootfs absolute path of the root file system; runc's extension
 * @param created time of creation; runc's extension
 * @param annotations annotations of the configuration
 * @param owner user who created it; runc's extension, empty text in {@code state}
 */
public record ContainerState(
        String ociVersion,
        String id,
        ContainerStatus status,
        int pid,
        String bundle,
        @Nullable String rootfs,
        @Nullable Instant created,
        Map<String, String> annotations,
        @Nullable String owner) {
    public ContainerState {
        if (pid < 0) {
            throw new IllegalArgumentException("negative pid " + pid);
        }
        if (pid == 0 && (status == ContainerStatus.CREATED || status == ContainerStatus.RUNNING)) {
            throw new IllegalArgumentException("a " + status.wire() + " container has a pid");
        }
        annotations = Spec.orderedCopy(annotations);
    }

    /** Only the properties of the spec: what a hook reads on its standard input. */
    public static ContainerState of(
            String id, ContainerStatus status, int pid, String bundle, Map<String, String> annotations) {
        return new ContainerState(Spec.VERSION, id, status, pid, bundle, null, null, annotations, null);
    }
}
