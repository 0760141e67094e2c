package dev.caisson.agent;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.HostFiles;
import java.time.Duration;
import java.util.List;

/** The machine's virtio disks, by the serial numbers that the VMM gives them. */
final class Disks {
    private static final Duration CHANGE_TIME = Duration.ofSeconds(10);

    private Disks() {}

    /**
     * The device of a disk that the host has just put something into: the kernel hears of that by an interrupt.
     *
     * @return a path below /dev
     */
    static String find(String serial) throws ContainerFault {
        long end = System.nanoTime() + CHANGE_TIME.toNanos();
        try {
            while (true) {
                String name = named(serial);
                if (name != null
                        && !HostFiles.text("/sys/block/" + name + "/size")
                                .strip()
                                .equals("0")) {
                    return "/dev/" + name;
                }
                if (System.nanoTime() > end) {
                    throw new ContainerFault(
                            Kind.NOT_FOUND,
                            "find disk " + serial + ": " + (name == null ? "there is none" : name + " is empty"));
                }
                Thread.sleep(1);
            }
        } catch (ErrnoException e) {
            throw new ContainerFault(Kind.FAILED, "find disk " + serial + ": " + e.getMessage(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ContainerFault(Kind.UNAVAILABLE, "interrupted while looking for disk " + serial, e);
        }
    }

    private static @org.jspecify.annotations.Nullable String named(String serial) throws ErrnoException {
        List<HostFiles.Entry> all = HostFiles.listIfPresent("/sys/block");
        if (all == null) {
            return null;
        }
        for (HostFiles.Entry each : all) {
            String text = each.name().startsWith("vd")
                    ? HostFiles.textIfPresent("/sys/block/" + each.name() + "/serial")
                    : null;
            if (text != null && text.strip().equals(serial)) {
                return each.name();
            }
        }
        return null;
    }
}
