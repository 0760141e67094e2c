package dev.caisson.oci;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

final class ResourceChangeTest {
    private static Resources resources(String json) throws InvalidSpecException {
        return ResourcesReader.read(json.getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void whatIsNotNamedStays() throws Exception {
        Resources before = resources("""
                {"devices": [{"allow": false, "access": "rwm"}], "unified": {"memory.high": "7", "io.max": "x"},
                 "memory": {"limit": 10, "swap": 20}, "cpu": {"shares": 3, "cpus": "0"}, "pids": {"limit": 5},
                 "blockIO": {"weight": 100, "throttleReadBpsDevice": [{"major": 1, "minor": 2, "rate": 3}]},
                 "hugepageLimits": [{"pageSize": "2MB", "limit": 1}, {"pageSize": "1GB", "limit": 2}],
                 "network": {"classID": 9}}""");
        Resources change = resources("""
                {"unified": {"memory.high": "8"}, "memory": {"limit": 11, "reservation": -1}, "cpu": {"quota": -1},
                 "pids": {}, "blockIO": {"throttleReadBpsDevice": [{"major": 1, "minor": 2, "rate": 4}]},
                 "hugepageLimits": [{"pageSize": "1GB", "limit": 3}],
                 "network": {"priorities": [{"name": "eth0", "priority": 1}]}, "rdma": {"mlx": {"hcaHandles": 1}}}""");

        assertThat(ResourceChange.applied(before, change)).isEqualTo(resources("""
                {"devices": [{"allow": false, "access": "rwm"}], "unified": {"memory.high": "8", "io.max": "x"},
                 "memory": {"limit": 11, "swap": 20, "reservation": -1}, "cpu": {"shares": 3, "cpus": "0", "quota": -1},
                 "pids": {"limit": 5},
                 "blockIO": {"weight": 100, "throttleReadBpsDevice": [{"major": 1, "minor": 2, "rate": 4}]},
                 "hugepageLimits": [{"pageSize": "2MB", "limit": 1}, {"pageSize": "1GB", "limit": 3}],
                 "network": {"classID": 9, "priorities": [{"name": "eth0", "priority": 1}]},
                 "rdma": {"mlx": {"hcaHandles": 1}}}"""));
    }

    @Test
    void nothingChangesNothingAndTheLastChangeWins() {
        RandomSpecs random = new RandomSpecs(7);
        for (int i = 0; i < 2000; i++) {
            Resources a = random.resources();
            Resources b = random.resources();
            assertThat(ResourceChange.applied(a, Resources.NONE)).isEqualTo(a);
            Resources ab = ResourceChange.applied(a, b);
            assertThat(ResourceChange.applied(ab, b)).isEqualTo(ab);
        }
    }
}
