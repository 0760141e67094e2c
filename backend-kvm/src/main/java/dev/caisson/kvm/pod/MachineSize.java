package dev.caisson.kvm.pod;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.kvm.guest.KataAnnotations;
import dev.caisson.kvm.vmm.Allotment;
import dev.caisson.oci.Resources;
import dev.caisson.oci.Spec;
import org.jspecify.annotations.Nullable;

/**
 * How large a machine is.
 *
 * @param memoryMib what its kernel finds
 * @param processors 1 to 8
 */
public record MachineSize(int memoryMib, int processors) {
    /** Annotations of a pod's first container: what its machine has at least, in MiB and processors; room for containers that grow. */
    static final String MEMORY = "dev.caisson.kvm.memory";

    static final String PROCESSORS = "dev.caisson.kvm.processors";

    private static final int OWN_MIB = Allotment.OWN_MIB;

    private static final int PAGES_PER_MIB = 256;
    private static final int WITHOUT_LIMIT_MIB = 256;
    private static final int LIMIT_MIB = 64 << 10;

    private static final int PROCESSOR_LIMIT = 8;
    private static final long PERIOD = 100_000;

    /** Of 4096 bytes. */
    int pages() {
        return memoryMib * PAGES_PER_MIB;
    }

    /** What the kubelet says that the pod's containers will have together (containerd, pkg/cri/annotations), in bytes and microseconds. */
    private static final String POD_MEMORY = "io.kubernetes.cri.sandbox-memory";

    private static final String POD_QUOTA = "io.kubernetes.cri.sandbox-cpu-quota";
    private static final String POD_PERIOD = "io.kubernetes.cri.sandbox-cpu-period";

    /** For the container that is a pod's first: by what its pod will have, where that is known, or else by its own limits. */
    public static MachineSize of(Spec first) throws ContainerFault {
        Resources resources = first.linux().resources();
        long limit = Math.max(limit(resources), number(first, POD_MEMORY));
        long wanted = limit <= 0 ? WITHOUT_LIMIT_MIB : (limit >> 20) + 1;
        return new MachineSize(
                        Math.max(OWN_MIB + (int) Math.min(wanted, LIMIT_MIB), room(first, MEMORY, OWN_MIB + LIMIT_MIB)),
                        Math.max(processors(first, resources), room(first, PROCESSORS, PROCESSOR_LIMIT)))
                .within(KataAnnotations.of(first.annotations()));
    }

    /** As who comes from Kata has asked for it. */
    private MachineSize within(KataAnnotations asked) throws ContainerFault {
        int memory = Math.max(memoryMib, asked.memoryMib());
        int cpus = Math.min(Math.max(processors, asked.processors()), asked.mostProcessors());
        if (memory > asked.mostMemoryMib()) {
            throw new ContainerFault(
                    Kind.INVALID,
                    "the annotations for Kata Containers say that the machine may have " + asked.mostMemoryMib()
                            + " MiB, and it would have " + memory);
        }
        if (memory > OWN_MIB + LIMIT_MIB || cpus > PROCESSOR_LIMIT) {
            throw new ContainerFault(
                    Kind.INVALID,
                    "the annotations for Kata Containers ask for a machine of " + memory + " MiB and " + cpus
                            + " processors; it may have " + (OWN_MIB + LIMIT_MIB) + " and " + PROCESSOR_LIMIT);
        }
        return new MachineSize(memory, cpus);
    }

    /** One of our own annotations has to be right. */
    private static int room(Spec first, String annotation, int most) throws ContainerFault {
        String text = first.annotations().get(annotation);
        if (text == null) {
            return 0;
        }
        if (!text.matches("[0-9]{1,9}") || Integer.parseInt(text) < 1 || Integer.parseInt(text) > most) {
            throw new ContainerFault(
                    Kind.INVALID, "annotation " + annotation + " \"" + text + "\": it must be from 1 to " + most);
        }
        return Integer.parseInt(text);
    }

    /** As many as can be busy at once within the quota; one where there is none. */
    private static int processors(Spec first, @Nullable Resources resources) {
        long quota = number(first, POD_QUOTA);
        long period = number(first, POD_PERIOD);
        Resources.Cpu own = resources == null ? null : resources.cpu();
        if (quota <= 0 && own != null && own.quota() != null) {
            quota = own.quota();
            period = own.period() == null ? 0 : own.period();
        }
        if (quota <= 0) {
            return 1;
        }
        return Math.clamp(Math.ceilDiv(quota, period <= 0 ? PERIOD : period), 1, PROCESSOR_LIMIT);
    }

    /** An annotation that is not a number says nothing. */
    private static long number(Spec first, String annotation) {
        String text = first.annotations().getOrDefault(annotation, "");
        try {
            return text.isEmpty() ? 0 : Long.parseLong(text);
        } catch (NumberFormatException e) {
            return 0;
        }
    }

    private static long limit(@Nullable Resources resources) {
        if (resources == null
                || resources.memory() == null
                || resources.memory().limit() == null) {
            return 0;
        }
        return resources.memory().limit();
    }
}
