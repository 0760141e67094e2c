package dev.caisson.kvm;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.kvm.pod.PodMachine;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.WeakHashMap;

/** All containers of this process's. Thread-safe. */
final class PodMembers {
    private final Set<KvmContainer> all = Collections.newSetFromMap(new WeakHashMap<>());

    synchronized KvmContainer add(KvmContainer container) {
        all.add(container);
        return container;
    }

    private synchronized List<KvmContainer> copy() {
        return new ArrayList<>(all);
    }

    /**
     * All containers in a machine, the one that has made it first.
     *
     * @throws ContainerFault WRONG_STATE: there are others, which another process looks after, or which have not gone on yet
     */
    List<KvmContainer> of(PodMachine machine) throws ContainerFault {
        List<KvmContainer> members = new ArrayList<>(
                copy().stream().filter(each -> each.isIn(machine)).toList());
        members.sort(Comparator.comparingInt(
                each -> each.isFirst() ? -1 : each.saved().drive()));
        Set<Integer> drives = new TreeSet<>();
        members.forEach(each -> drives.add(each.saved().drive()));
        Set<Integer> taken = machine.drives();
        if (!drives.equals(taken)) {
            throw new ContainerFault(
                    Kind.WRONG_STATE,
                    "checkpoint pod: its machine has " + taken.size() + " containers, of which " + drives.size()
                            + " are known here");
        }
        return members;
    }
}
