package dev.caisson.namespace;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.namespace.plan.MountOptions;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

final class NamespaceFeaturesTest {
    @Test
    void whatKubernetesAndCriRuntimesLookFor() {
        String json = NamespaceFeatures.json(Map.of());
        assertThat(json.replaceAll("\\s", ""))
                .contains("\"ociVersionMin\":\"1.0.0\"")
                .contains("\"ociVersionMax\":\"1.3.0\"")
                .contains("\"rro\"")
                .contains("\"mountExtensions\":{\"idmap\":{\"enabled\":true}}")
                .contains("\"netDevices\":{\"enabled\":true}")
                .contains("\"SCMP_ACT_NOTIFY\"");
    }

    @Test
    void optionsThatAreListedAreUnderstood() {
        assertThat(MountOptions.known()).isSorted().doesNotHaveDuplicates();
        for (String option : MountOptions.known()) {
            assertThat(MountOptions.parse(List.of(option)).data())
                    .as("data for the file system of option %s", option)
                    .isEmpty();
        }
    }
}
