package dev.caisson.kvm.pod;

import dev.caisson.backend.WallProcess;
import dev.caisson.kvm.plan.MachineFilter;
import dev.caisson.kvm.vmm.MachineArguments;
import dev.caisson.kvm.vmm.MachineMain;
import java.nio.file.Path;
import java.util.List;

/** The command line of a machine's process. */
public final class MachineCommand {
    private MachineCommand() {}

    private static final String FILTER = MachineFilter.encoded();

    static List<String> of(Path directory, PodMachine.Beginning beginning) {
        return WallProcess.commandLine(
                MachineMain.class,
                true,
                List.of(),
                new MachineArguments(
                                directory,
                                image(),
                                beginning.size().memoryMib(),
                                beginning.size().processors(),
                                beginning.cards(),
                                beginning.template(),
                                FILTER)
                        .words());
    }

    /** The installation's, or the build's where there is none. */
    public static Path image() {
        String prefix = System.getProperty("caisson.prefix");
        String set = System.getProperty("caisson.image");
        return set == null && prefix != null
                ? Path.of(prefix, "share/caisson/guest")
                : Path.of(set == null ? "../../build/image" : set)
                        .toAbsolutePath()
                        .normalize();
    }
}
