package dev.caisson.namespace.systemd;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.cgroup.CgroupStep;
import dev.caisson.linux.cgroup.CgroupStep.AnyOrder;
import dev.caisson.linux.cgroup.CgroupStep.Downwards;
import dev.caisson.linux.cgroup.CgroupStep.OnFailure;
import dev.caisson.linux.cgroup.CgroupStep.Write;
import dev.caisson.namespace.systemd.UnitProperty.Amount;
import dev.caisson.namespace.systemd.UnitProperty.DeviceNumber;
import dev.caisson.namespace.systemd.UnitProperty.Mask;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The expected values are those that systemctl show prints for units of runc 1.1.5 with the same limits, or systemd's manual's. */
final class UnitPropertiesTest {
    private static List<UnitProperty> of(CgroupStep... steps) {
        return UnitProperties.ofLimits(List.of(steps));
    }

    @Test
    void writesBecomeTheirProperties() {
        assertThat(of(
                        new AnyOrder(List.of(
                                new Write("memory", "memory.swap.max", "0"),
                                new Write("memory", "memory.max", "4096"))),
                        new Write("memory", "memory.low", "max"),
                        new Downwards(new Write("cpu", "cpu.weight", "39")),
                        new Write("pids", "pids.max", "7"),
                        new Write("hugetlb", "hugetlb.2MB.max", "0")))
                .containsExactly(
                        new Amount("MemorySwapMax", 0),
                        new Amount("MemoryMax", 4096),
                        new Amount("MemoryLow", Amount.INFINITY),
                        new Amount("CPUWeight", 39),
                        new Amount("TasksMax", 7));
    }

    @ParameterizedTest
    @CsvSource({
        "10000 100000, 100000, 100000",
        "33333 100000, 100000, 340000", // rounded up to whole steps of 10 ms a second
        "max 50000, 50000, -1",
        "200000 100000, 100000, 2000000",
        "5000, 100000, 50000"
    })
    void quotasAreCountedPerSecond(String text, long period, long perSecond) {
        assertThat(of(new Write("cpu", "cpu.max", text)))
                .containsExactly(new Amount("CPUQuotaPeriodUSec", period), new Amount("CPUQuotaPerSecUSec", perSecond));
    }

    @Test
    void anIdleGroupHasWeightZero() {
        assertThat(of(new Write("cpu", "cpu.idle", "1"))).containsExactly(new Amount("CPUWeight", 0));
        assertThat(of(new Write("cpu", "cpu.idle", "0"))).isEmpty();
    }

    @Test
    void processorsAreAMask() {
        assertThat(of(new Write("cpuset", "cpuset.cpus", "0,2-3")))
                .containsExactly(new Mask(
                        "AllowedCPUs",
                        List.of((byte) 13, (byte) 0, (byte) 0, (byte) 0, (byte) 0, (byte) 0, (byte) 0, (byte) 0)));
    }

    @Test
    void blockDevicesAreNamedByTheirNumbers() {
        Write weight = new Write("io", "io.bfq.weight", "100", OnFailure.FAIL, new Write("io", "io.weight", "910"));
        assertThat(of(
                        weight,
                        new Write("io", "io.max", "254:0 wbps=1048576"),
                        new Write("io", "io.max", "254:0 riops=max")))
                .containsExactly(
                        new Amount("IOWeight", 910),
                        new DeviceNumber("IOWriteBandwidthMax", "/dev/block/254:0", 1048576),
                        new DeviceNumber("IOReadIOPSMax", "/dev/block/254:0", -1));
    }

    @Test
    void textOfUnifiedThatIsNoNumberIsTheKernelsToRefuse() {
        assertThat(of(
                        new Write("memory", "memory.high", "12 apples"),
                        new Write("cpu", "cpu.max", ""),
                        new Write("cpuset", "cpuset.cpus", "x-"),
                        new Write("io", "io.max", "254:0"),
                        new Write("io", "io.max", "254:0 rbps=many wbps")))
                .isEmpty();
    }

    @Test
    void version1HasTwoFilesForAQuota() {
        assertThat(of(
                        new Write("cpu", "cpu.cfs_quota_us", "50000"),
                        new Write("memory", "memory.limit_in_bytes", "-1"),
                        new Write("cpu", "cpu.shares", "512")))
                .containsExactly(
                        new Amount("MemoryLimit", Amount.INFINITY),
                        new Amount("CPUShares", 512),
                        new Amount("CPUQuotaPeriodUSec", 100_000),
                        new Amount("CPUQuotaPerSecUSec", 500_000));
    }
}
