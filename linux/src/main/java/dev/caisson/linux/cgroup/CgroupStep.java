package dev.caisson.linux.cgroup;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** One element of a plan of limits, applied by {@link Cgroup#apply}. */
public sealed interface CgroupStep {
    /** What to do when a file cannot be written. */
    enum OnFailure {
        /** The container cannot be made. */
        FAIL,
        /** A file that does not exist is as good as one with this value. */
        IGNORE_ABSENT,
        /** Nothing depends on it. */
        IGNORE
    }

    /**
     * Writes a file in a controller's directory.
     *
     * @param controller names the directory; {@link #UNIFIED} for the version 2 group as such
     * @param file the file's name
     * @param text what to write in one write(2)
     * @param otherwise what to write instead where the file does not exist
     */
    record Write(
            String controller,
            String file,
            String text,
            OnFailure onFailure,
            @Nullable Write otherwise) implements CgroupStep {
        public Write(String controller, String file, String text) {
            this(controller, file, text, OnFailure.FAIL, null);
        }

        @Override
        public String toString() {
            return (controller.isEmpty() ? "unified" : controller) + "/" + file + " = " + text
                    + (onFailure == OnFailure.FAIL ? "" : " (" + onFailure + ")")
                    + (otherwise == null ? "" : " else " + otherwise);
        }
    }

    /**
     * Writes that bound each other (a limit and the one above it): which order the kernel takes depends on the present values.
     * They are tried in order; what is refused with EINVAL is tried again after the others.
     */
    record AnyOrder(List<Write> writes) implements CgroupStep {
        public AnyOrder {
            writes = List.copyOf(writes);
        }
    }

    /** A write that every ancestor below the mount needs first, because the kernel only divides what the parent has. */
    record Downwards(Write write) implements CgroupStep {}

    /** Stands for the version 2 group in {@link Write#controller}. */
    String UNIFIED = "";
}
