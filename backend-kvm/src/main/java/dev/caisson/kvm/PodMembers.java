package dev.caisson.kvm;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.kvm.pod.PodMachine;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;

/**
 * All containers of this process's, until they are destroyed. A command recovers the container that it is about, so that there may be several objects for one: the
 * last is the one that counts. Thread-safe.
 */
final class PodMembers {
    /** By their scratch directories, which no two have in common. */
    private final Map<Path, KvmContainer> all = new ConcurrentHashMap<>();

    KvmContainer add(Path scratch, KvmContainer container) {
        all.put(scratch, container);
        return container;
    }

    void remove(Path scratch) {
        all.remove(scratch);
    }

    /**
     * All containers in a machine, the one that has made it first.
     *
     * @throws ContainerFault WRONG_STATE: there are others, which another process looks after, or which have not gone on yet
     */
    List<KvmContainer> of(PodMachine machine) throws ContainerFault {
        List<KvmContainer> members = new ArrayList<>(
                all.values().stream().filter(each -> each.isIn(machine)).toList());
        members.sort(Comparator.comparingInt(
                each -> each.isFirst() ? -1 : each.saved().drive()));
        Set<Integer> drives = new TreeSet<>();
        members.forEach(each -> drives.add(each.saved().drive()));
        Set<Integer> taken = machine.requests().drives();
        if (!drives.equals(taken)) {
            throw new ContainerFault(
                    Kind.WRONG_STATE,
                    "checkpoint pod: its machine has " + taken.size() + " containers, of which " + drives.size()
                            + " are known here");
        }
        return members;
    }
}
