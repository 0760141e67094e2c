package dev.caisson.tests.backends;

import dev.caisson.kvm.virtio.VirtioDevice;
import dev.caisson.kvm.vm.BootProtocol;
import dev.caisson.kvm.vm.VmConfig;
import dev.caisson.kvm.vmm.MachineMain;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;

/** Machines of the image that {@code ./dev image} makes. */
final class KvmGuests {
    private static final Path IMAGE = Path.of(System.getProperty("caisson.image", "build/image"));
    private static final long MEMORY = 256 << 20;
    private static final String KERNEL = MachineMain.KERNEL_COMMAND_LINE + " mitigations=off";

    /** The image's, and behind it tools: a kernel unpacks archives that follow each other. */
    private static final Path INITRAMFS = withTools();

    private KvmGuests() {}

    private static Path withTools() {
        try {
            Path both = Files.createTempFile("initramfs", "");
            both.toFile().deleteOnExit();
            Files.write(both, Files.readAllBytes(IMAGE.resolve("initramfs")));
            return Files.write(both, Files.readAllBytes(IMAGE.resolve("busybox.cpio")), StandardOpenOption.APPEND);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** What the monitor starts: a shell with a script, which must be free of double quotes. */
    static String shell(String script) {
        return "/bin/busybox sh -c \"" + script + "\"";
    }

    static VmConfig config(int processors, String program, List<VirtioDevice> devices) {
        return config(BootProtocol.PVH, processors, program, devices);
    }

    static VmConfig config(BootProtocol protocol, int processors, String program, List<VirtioDevice> devices) {
        return new VmConfig(
                MEMORY, processors, IMAGE.resolve("vmlinux"), INITRAMFS, protocol, KERNEL + " -- " + program, devices);
    }
}
