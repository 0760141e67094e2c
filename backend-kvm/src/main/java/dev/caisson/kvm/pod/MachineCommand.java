package dev.caisson.kvm.pod;

import dev.caisson.backend.WallProcess;
import dev.caisson.kvm.plan.MachineFilter;
import dev.caisson.kvm.vmm.MachineMain;
import java.nio.file.Path;
import java.util.List;

/** The command line of a machine's process. */
final class MachineCommand {
    private MachineCommand() {}

    private static final String FILTER = MachineFilter.encoded();

    static List<String> of(Path directory, MachineSize size, boolean hasNetwork) {
        return WallProcess.commandLine(
                MachineMain.class,
                true,
                List.of(),
                List.of(
                        directory.toString(),
                        image().toString(),
                        Integer.toString(size.memoryMib()),
                        Integer.toString(size.processors()),
                        hasNetwork ? MachineMain.NETWORK : MachineMain.NO_NETWORK,
                        FILTER));
    }

    /** The installation's, or the build's where there is none. */
    static Path image() {
        String prefix = System.getProperty("caisson.prefix");
        String set = System.getProperty("caisson.image");
        return set == null && prefix != null
                ? Path.of(prefix, "share/caisson/guest")
                : Path.of(set == null ? "../../build/image" : set)
                        .toAbsolutePath()
                        .normalize();
    }
}
