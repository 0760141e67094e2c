package dev.caisson.linux.cgroup;

import dev.caisson.linux.cgroup.CgroupResources.ThrottleDevice;
import dev.caisson.linux.cgroup.CgroupResources.WeightDevice;
import dev.caisson.linux.cgroup.CgroupStep.OnFailure;
import dev.caisson.linux.cgroup.CgroupStep.Write;
import java.util.List;

/** The block device part of {@link CgroupLimits}: controller {@code blkio} on version 1, {@code io} on version 2. */
final class BlockIoLimits {
    private final CgroupLayout layout;
    private final List<CgroupStep> steps;

    BlockIoLimits(CgroupLayout layout, List<CgroupStep> steps) {
        this.layout = layout;
        this.steps = steps;
    }

    void add(CgroupResources.BlockIo limits) throws CgroupException {
        if (limits.equals(CgroupResources.BlockIo.NONE)) {
            return;
        }
        boolean version2 = isVersion2();
        Integer weight = limits.weight();
        if (weight != null && weight != 0) {
            checkWeight(weight, "blockIO.weight");
            steps.add(version2 ? weightV2("", weight) : weightV1("blkio.weight", "blkio.bfq.weight", "", weight));
        }
        Integer leaf = limits.leafWeight();
        if (leaf != null && leaf != 0 && !version2) {
            checkWeight(leaf, "blockIO.leafWeight");
            steps.add(new Write("blkio", "blkio.leaf_weight", Integer.toString(leaf)));
        }
        for (WeightDevice device : limits.weightDevice()) {
            weightDevice(device, version2);
        }
        throttle(limits.readBytesPerSecond(), version2, "read_bps", "rbps");
        throttle(limits.writeBytesPerSecond(), version2, "write_bps", "wbps");
        throttle(limits.readOperationsPerSecond(), version2, "read_iops", "riops");
        throttle(limits.writeOperationsPerSecond(), version2, "write_iops", "wiops");
    }

    /** The controller changed its name between the versions. */
    private boolean isVersion2() throws CgroupException {
        if (layout.of("io") != null) {
            return true;
        }
        if (layout.of("blkio") == null) {
            throw new CgroupException("set blockIO: this host has no cgroup controller for block devices");
        }
        return false;
    }

    private void weightDevice(WeightDevice device, boolean version2) throws CgroupException {
        String number = device.major() + ":" + device.minor() + " ";
        Integer weight = device.weight();
        if (weight != null) {
            checkWeight(weight, "blockIO.weightDevice");
            steps.add(
                    version2
                            ? weightV2(number, weight)
                            : weightV1("blkio.weight_device", "blkio.bfq.weight_device", number, weight));
        }
        Integer leaf = device.leafWeight();
        if (leaf != null && !version2) {
            checkWeight(leaf, "blockIO.weightDevice");
            steps.add(new Write("blkio", "blkio.leaf_weight_device", number + leaf));
        }
    }

    private static void checkWeight(int weight, String field) throws CgroupException {
        if (weight < 10 || weight > 1000) {
            throw new CgroupException("set " + field + ": " + weight + " is not between 10 and 1000");
        }
    }

    /** The scheduler that honours weights was CFQ until Linux 5.0 and is BFQ since. */
    private static Write weightV1(String file, String bfqFile, String device, int weight) {
        Write bfq = new Write("blkio", bfqFile, device + weight);
        return new Write("blkio", file, device + weight, OnFailure.FAIL, bfq);
    }

    /** BFQ keeps version 1's scale; the cost model's io.weight has 1 to 10000. */
    private static Write weightV2(String device, int weight) {
        long scaled = 1 + (weight - 10) * 9999L / 990;
        Write cost = new Write("io", "io.weight", device + scaled);
        return new Write("io", "io.bfq.weight", device + weight, OnFailure.FAIL, cost);
    }

    private void throttle(List<ThrottleDevice> devices, boolean version2, String file, String key) {
        for (ThrottleDevice device : devices) {
            String number = device.major() + ":" + device.minor() + " ";
            if (version2) {
                String rate = device.rate() == 0 ? "max" : Long.toUnsignedString(device.rate());
                steps.add(new Write("io", "io.max", number + key + "=" + rate));
            } else {
                steps.add(new Write(
                        "blkio", "blkio.throttle." + file + "_device", number + Long.toUnsignedString(device.rate())));
            }
        }
    }
}
