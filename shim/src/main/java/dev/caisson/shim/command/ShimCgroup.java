package dev.caisson.shim.command;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.cgroup.CgroupException;
import dev.caisson.linux.cgroup.CgroupHierarchy;
import dev.caisson.linux.cgroup.CgroupLayout;
import dev.caisson.linux.cgroup.CgroupPath;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Runtime option {@code shim_cgroup}: a group of the administrator's, which is never made or removed here. */
final class ShimCgroup {
    private ShimCgroup() {}

    /** The group's directories, one for each hierarchy that has it; none for no option. */
    static List<String> find(String cgroup) throws ContainerFault {
        List<String> directories = new ArrayList<>();
        if (cgroup.isEmpty()) {
            return directories;
        }
        try {
            CgroupPath path = CgroupPath.of(cgroup, "");
            for (CgroupHierarchy hierarchy : CgroupLayout.detect().hierarchies()) {
                String directory = path.directory(hierarchy);
                if (Files.isDirectory(Path.of(directory))) {
                    directories.add(directory);
                }
            }
        } catch (ErrnoException | CgroupException e) {
            throw new ContainerFault(Kind.INVALID, "shim_cgroup " + cgroup + ": " + e.getMessage(), e);
        }
        if (directories.isEmpty()) {
            throw new ContainerFault(Kind.INVALID, "shim_cgroup " + cgroup + " does not exist");
        }
        return directories;
    }

    static void join(List<String> directories, int pid) throws ContainerFault {
        try {
            for (String directory : directories) {
                HostFiles.write(directory + "/cgroup.procs", Integer.toString(pid));
            }
        } catch (ErrnoException e) {
            throw new ContainerFault(Kind.FAILED, "move monitor into shim_cgroup: " + e.getMessage(), e);
        }
    }
}
