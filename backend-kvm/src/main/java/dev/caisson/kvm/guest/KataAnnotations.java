package dev.caisson.kvm.guest;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * What a configuration's annotations for Kata Containers mean here (Kata's docs/how-to/how-to-set-sandbox-config-kata.md): sizes are kept, what asks for
 * that which is done anyway is taken, and the rest is refused by its name, since a workload that was given something and does not have it would
 * not know. Pure.
 *
 * @param memoryMib what the machine has at least; 0 when nothing is said
 * @param processors what it has at least; 0 when nothing is said
 * @param mostMemoryMib what it may have; no limit when nothing is said
 * @param mostProcessors what it may have; no limit when nothing is said
 * @param withoutSeccomp whether containers have no filter of system calls in the guest
 * @param cache how long the guest may go by what it was told of the host's files
 */
public record KataAnnotations(
        int memoryMib, int processors, int mostMemoryMib, int mostProcessors, boolean withoutSeccomp, CacheMode cache) {
    private static final String PREFIX = "io.katacontainers.";
    /** What Kata's own shim notes for itself. */
    private static final String OWN = PREFIX + "pkg.";

    private static final String HYPERVISOR = PREFIX + "config.hypervisor.";
    private static final String RUNTIME = PREFIX + "config.runtime.";
    private static final String AGENT = PREFIX + "config.agent.";

    private static final String VCPUS = HYPERVISOR + "default_vcpus";
    private static final String MAX_VCPUS = HYPERVISOR + "default_max_vcpus";
    private static final String MEMORY = HYPERVISOR + "default_memory";
    private static final String MAX_MEMORY = HYPERVISOR + "default_maxmemory";
    private static final String VIRTIO_FS_CACHE = HYPERVISOR + "virtio_fs_cache";
    private static final String DISABLE_GUEST_SECCOMP = RUNTIME + "disable_guest_seccomp";

    private static final List<String> OFF = List.of("false", "0", "");
    private static final List<String> ON = List.of("true");
    private static final List<String> EITHER = List.of("true", "false");

    /** Of those that cannot ask for just anything, what they may say. */
    private static final Map<String, List<String>> VALUES = values();

    private static Map<String, List<String>> values() {
        Map<String, List<String>> values = new HashMap<>();
        // Live files of the host's, and disks where the snapshotter's mounts are.
        values.put(HYPERVISOR + "shared_fs", List.of("virtio-fs", "inline-virtio-fs"));
        values.put(VIRTIO_FS_CACHE, List.of("auto", "never", "none"));
        values.put(HYPERVISOR + "block_device_driver", List.of("virtio-mmio", "virtio-blk-mmio"));
        values.put(HYPERVISOR + "disable_block_device_use", OFF);
        values.put(HYPERVISOR + "block_device_cache_set", OFF);
        values.put(HYPERVISOR + "block_device_cache_direct", OFF);
        values.put(HYPERVISOR + "block_device_cache_noflush", OFF);
        values.put(HYPERVISOR + "enable_hugepages", OFF);
        values.put(HYPERVISOR + "enable_mem_prealloc", OFF);
        values.put(HYPERVISOR + "enable_swap", OFF);
        values.put(HYPERVISOR + "enable_guest_swap", OFF);
        values.put(HYPERVISOR + "enable_virtio_mem", OFF);
        values.put(HYPERVISOR + "enable_iommu", OFF);
        values.put(HYPERVISOR + "enable_iommu_platform", OFF);
        values.put(HYPERVISOR + "enable_iothreads", OFF);
        values.put(HYPERVISOR + "enable_vhost_user_store", OFF);
        values.put(HYPERVISOR + "disable_image_nvdimm", ON);
        values.put(HYPERVISOR + "entropy_source", List.of("/dev/urandom", "/dev/random"));
        values.put(HYPERVISOR + "hot_plug_vfio", List.of("no-port"));
        values.put(HYPERVISOR + "cold_plug_vfio", List.of("no-port"));
        values.put(HYPERVISOR + "pcie_root_port", List.of("0"));
        values.put(HYPERVISOR + "rx_rate_limiter_max_rate", List.of("0"));
        values.put(HYPERVISOR + "tx_rate_limiter_max_rate", List.of("0"));
        values.put(RUNTIME + "internetworking_model", List.of("tcfilter"));
        values.put(RUNTIME + "disable_new_netns", OFF);
        values.put(RUNTIME + "sandbox_cgroup_only", ON);
        // Of a size at the start, and by the balloon and parked processors later.
        values.put(RUNTIME + "static_sandbox_resource_mgmt", EITHER);
        values.put(RUNTIME + "disable_guest_empty_dir", ON);
        values.put(RUNTIME + "emptydir_mode", List.of("shared-fs"));
        values.put(DISABLE_GUEST_SECCOMP, EITHER);
        // There is always one: caisson-kvm debug.
        values.put(AGENT + "debug_console", EITHER);
        values.put(AGENT + "enable_tracing", OFF);
        values.put(AGENT + "container_pipe_size", List.of("0"));
        return Map.copyOf(values);
    }

    /**
     * Takes what there is.
     *
     * @throws ContainerFault UNSUPPORTED for what cannot be had, INVALID for what is no number
     */
    public static KataAnnotations of(Map<String, String> annotations) throws ContainerFault {
        // In an order of their own, so that the same one is always named first.
        for (Map.Entry<String, String> each : new TreeMap<>(annotations).entrySet()) {
            String name = each.getKey();
            boolean isNumber =
                    name.equals(VCPUS) || name.equals(MAX_VCPUS) || name.equals(MEMORY) || name.equals(MAX_MEMORY);
            if (name.startsWith(PREFIX) && !name.startsWith(OWN) && !isNumber) {
                check(name, each.getValue());
            }
        }
        return new KataAnnotations(
                number(annotations, MEMORY, false),
                number(annotations, VCPUS, true),
                most(annotations, MAX_MEMORY),
                most(annotations, MAX_VCPUS),
                annotations.getOrDefault(DISABLE_GUEST_SECCOMP, "").equals("true"),
                annotations.getOrDefault(VIRTIO_FS_CACHE, "").equals(CacheMode.AUTO.word())
                        ? CacheMode.AUTO
                        : CacheMode.NEVER);
    }

    private static void check(String name, String value) throws ContainerFault {
        List<String> possible = VALUES.get(name);
        if (possible == null) {
            throw new ContainerFault(
                    Kind.UNSUPPORTED, "annotation " + name + ": a virtual machine cannot be told that in this version");
        }
        if (!possible.contains(value)) {
            throw new ContainerFault(
                    Kind.UNSUPPORTED,
                    "annotation " + name + " \"" + value + "\": a virtual machine can only have "
                            + possible.stream().map(each -> "\"" + each + "\"").collect(Collectors.joining(" or "))
                            + " in this version");
        }
    }

    private static int most(Map<String, String> annotations, String name) throws ContainerFault {
        int most = number(annotations, name, false);
        return most == 0 ? Integer.MAX_VALUE : most;
    }

    /** Kata takes 0 for its own choice; parts of a processor are one more. */
    private static int number(Map<String, String> annotations, String name, boolean parts) throws ContainerFault {
        String text = annotations.getOrDefault(name, "0").strip();
        if (!text.matches(parts ? "[0-9]{1,8}(\\.[0-9]{1,8})?" : "[0-9]{1,8}")) {
            throw new ContainerFault(Kind.INVALID, "annotation " + name + " \"" + text + "\": it must be a number");
        }
        return (int) Math.ceil(Double.parseDouble(text));
    }
}
