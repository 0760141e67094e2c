package dev.caisson.kvm.vm;

import dev.caisson.kvm.device.SerialPort;
import dev.caisson.kvm.memory.GuestMemory;
import dev.caisson.kvm.state.StateFormatException;
import dev.caisson.kvm.state.StateReader;
import dev.caisson.kvm.state.StateWriter;
import dev.caisson.kvm.sys.Kvm;
import dev.caisson.kvm.sys.KvmVcpu;
import dev.caisson.kvm.sys.KvmVm;
import dev.caisson.kvm.sys.ProcessorState;
import dev.caisson.kvm.virtio.MmioTransport;
import dev.caisson.linux.ErrnoException;
import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

/**
 * All of a machine but its memory: what its processors, interrupt controllers, clocks and devices are at one instant.
 *
 * <p>The guest's clocks stand still from one to the other. How long that was by the host's clock is known to a fraction of a millisecond: clocks are read,
 * and set, between two looks at the host's, again until those are close together.
 */
final class MachineState {
    private static final long CLOSE_NANOS = 200_000;
    private static final int TRIES = 50;
    private static final int CONTROLLER_LIMIT = KvmVm.CHIPS;

    private MachineState() {}

    /** What a machine is made of. */
    record Parts(
            KvmVm vm,
            GuestMemory memory,
            List<KvmVcpu> processors,
            SerialPort serial,
            List<MmioTransport> transports) {}

    /** Writes down a machine whose processors and devices stand still. */
    static byte[] save(Parts machine) throws IOException {
        StateWriter to = new StateWriter();
        to.part("machine");
        to.putLong(machine.memory.mapping().size());
        to.putInt(machine.processors.size()).putInt(machine.transports.size());
        int[] indexes;
        try (Kvm kvm = Kvm.open()) {
            indexes = kvm.msrIndexes();
        }
        List<ProcessorState> processors = new ArrayList<>();
        for (KvmVcpu each : machine.processors) {
            processors.add(ProcessorState.of(each, indexes));
        }
        clocks(machine, to);
        to.part("interrupt controllers");
        for (byte[] each : machine.vm.interruptControllers()) {
            to.putBytes(each);
        }
        processors.forEach(each -> each.write(to));
        machine.serial.save(to);
        for (MmioTransport each : machine.transports) {
            each.save(to);
        }
        to.part("end");
        return to.bytes();
    }

    private static void clocks(Parts machine, StateWriter to) throws ErrnoException {
        long best = Long.MAX_VALUE;
        long clock = 0;
        long stamp = 0;
        long wall = 0;
        for (int i = 0; i < TRIES && best > CLOSE_NANOS; i++) {
            long begin = wallClock();
            long nowClock = machine.vm.clock();
            long nowStamp = machine.processors.getFirst().timeStamp();
            long end = wallClock();
            if (end - begin < best) {
                best = end - begin;
                clock = nowClock;
                stamp = nowStamp;
                wall = begin + (end - begin) / 2;
            }
        }
        to.part("clocks").putLong(clock).putLong(stamp).putLong(wall);
    }

    private static long wallClock() {
        Instant now = Instant.now();
        return now.getEpochSecond() * 1_000_000_000L + now.getNano();
    }

    /**
     * Puts a new machine with that memory into the state of the other; its processors have their CPUID, and run next.
     *
     * @return by how many nanoseconds the guest's clocks are behind now
     * @throws StateFormatException it is no state, or that of a machine with other parts
     */
    static long restore(Parts machine, byte[] state) throws IOException {
        StateReader from = new StateReader(state);
        from.part("machine");
        if (from.getLong() != machine.memory.mapping().size()) {
            throw from.wrong("the machine has memory of another size");
        }
        int processors = machine.processors.size();
        from.getInt(processors, processors, "the number of processors");
        int transports = machine.transports.size();
        from.getInt(transports, transports, "the number of devices");
        from.part("clocks");
        long clock = from.getLong();
        long stamp = from.getLong();
        long wall = from.getLong();
        from.part("interrupt controllers");
        byte[][] chips = new byte[CONTROLLER_LIMIT][];
        for (int i = 0; i < chips.length; i++) {
            chips[i] = from.getExactly(KvmVm.CHIP_SIZE);
        }
        List<ProcessorState> states = new ArrayList<>();
        for (int i = 0; i < processors; i++) {
            states.add(ProcessorState.read(from));
        }
        machine.vm.setInterruptControllers(chips);
        for (int i = 0; i < processors; i++) {
            states.get(i).restore(machine.processors.get(i));
        }
        machine.serial.restore(from);
        for (MmioTransport each : machine.transports) {
            each.restore(from);
        }
        from.part("end");
        from.end();
        long resumed = startClocks(machine, states, clock, stamp);
        machine.transports.forEach(MmioTransport::resume);
        return resumed - wall;
    }

    private static long startClocks(Parts machine, List<ProcessorState> states, long clock, long stamp)
            throws ErrnoException {
        long wall = 0;
        for (int i = 0; i < TRIES; i++) {
            long begin = wallClock();
            machine.vm.setClock(clock);
            machine.processors.getFirst().setTimeStamp(stamp);
            long end = wallClock();
            wall = begin + (end - begin) / 2;
            if (end - begin <= CLOSE_NANOS) {
                break;
            }
        }
        // The others' counters are set to what the first one's was then: KVM knows that they belong together.
        for (int i = 0; i < states.size(); i++) {
            KvmVcpu each = machine.processors.get(i);
            if (i > 0) {
                each.setTimeStamp(stamp);
            }
            states.get(i).setDeadline(each, stamp);
        }
        return wall;
    }
}
