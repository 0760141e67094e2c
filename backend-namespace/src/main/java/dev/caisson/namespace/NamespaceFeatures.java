package dev.caisson.namespace;

import dev.caisson.namespace.plan.MountOptions;
import dev.caisson.oci.CapabilityNames;
import dev.caisson.oci.Features;
import dev.caisson.oci.FeaturesJson;
import dev.caisson.oci.MemoryPolicyFlag;
import dev.caisson.oci.MemoryPolicyMode;
import dev.caisson.oci.NamespaceType;
import dev.caisson.oci.SeccompAction;
import dev.caisson.oci.SeccompFlag;
import dev.caisson.oci.SeccompOperator;
import dev.caisson.oci.Spec;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** What this wall understands, for {@code features}; not what the kernel at hand offers (runtime-spec, "Features Structure"). */
final class NamespaceFeatures {
    private static final String OLDEST = "1.0.0";

    private NamespaceFeatures() {}

    static String json(Map<String, String> annotations) {
        return new String(FeaturesJson.write(features(annotations)), StandardCharsets.UTF_8);
    }

    static Features features(Map<String, String> annotations) {
        List<String> namespaces = new ArrayList<>();
        for (NamespaceType type : NamespaceType.values()) {
            namespaces.add(type.wire());
        }
        namespaces.sort(null);
        return new Features(
                OLDEST,
                Spec.VERSION,
                List.of("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"),
                MountOptions.known(),
                new Features.LinuxFeatures(
                        namespaces,
                        CapabilityNames.ALL,
                        new Features.Cgroup(true, true, true, true, true),
                        seccomp(),
                        true,
                        true,
                        new Features.IntelRdtFeatures(true, true, true),
                        memoryPolicy(),
                        true,
                        true),
                annotations,
                List.of());
    }

    private static Features.SeccompFeatures seccomp() {
        List<String> actions = new ArrayList<>();
        for (SeccompAction action : SeccompAction.values()) {
            actions.add(action.wire());
        }
        List<String> operators = new ArrayList<>();
        for (SeccompOperator operator : SeccompOperator.values()) {
            operators.add(operator.wire());
        }
        List<String> flags = new ArrayList<>();
        for (SeccompFlag flag : SeccompFlag.values()) {
            flags.add(flag.wire());
        }
        List<String> archs = List.of("SCMP_ARCH_X86", "SCMP_ARCH_X86_64", "SCMP_ARCH_X32");
        return new Features.SeccompFeatures(true, actions, operators, archs, flags, flags);
    }

    private static Features.MemoryPolicyFeatures memoryPolicy() {
        List<String> modes = new ArrayList<>();
        for (MemoryPolicyMode mode : MemoryPolicyMode.values()) {
            modes.add(mode.wire());
        }
        List<String> flags = new ArrayList<>();
        for (MemoryPolicyFlag flag : MemoryPolicyFlag.values()) {
            flags.add(flag.wire());
        }
        return new Features.MemoryPolicyFeatures(modes, flags);
    }
}
