package dev.caisson.kvm.vm;

import dev.caisson.kvm.boot.GuestLoader;
import dev.caisson.kvm.boot.KernelFormatException;
import dev.caisson.kvm.bus.Bus;
import dev.caisson.kvm.bus.Interrupt;
import dev.caisson.kvm.device.ConsoleLog;
import dev.caisson.kvm.device.ResetPort;
import dev.caisson.kvm.device.SerialPort;
import dev.caisson.kvm.device.SleepPort;
import dev.caisson.kvm.device.TimeDevice;
import dev.caisson.kvm.memory.Footprint;
import dev.caisson.kvm.memory.GuestFault;
import dev.caisson.kvm.memory.GuestMemory;
import dev.caisson.kvm.sys.BootRegisters;
import dev.caisson.kvm.sys.InterruptLine;
import dev.caisson.kvm.sys.Kvm;
import dev.caisson.kvm.sys.KvmVcpu;
import dev.caisson.kvm.sys.KvmVm;
import dev.caisson.kvm.virtio.MmioTransport;
import dev.caisson.kvm.virtio.QueueNotifications;
import dev.caisson.kvm.virtio.VirtioDevice;
import dev.caisson.kvm.x86.AcpiTables;
import dev.caisson.kvm.x86.Cpuid;
import dev.caisson.kvm.x86.Layout;
import dev.caisson.kvm.x86.LinuxStart;
import dev.caisson.kvm.x86.LongMode;
import dev.caisson.kvm.x86.Msrs;
import dev.caisson.kvm.x86.PvhStart;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.EventFd;
import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.MemFd;
import dev.caisson.linux.direct.Mapping;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * A machine with Linux in it. Made and closed by one thread; {@link #stop} and {@link #await} may come from any. It ends with the process at the
 * latest: KVM keeps nothing that has no descriptor.
 */
public final class VirtualMachine implements AutoCloseable {
    private static final long STILL_NANOS = 5_000_000_000L;

    private final GuestMemory memory;
    private final ConsoleLog console = new ConsoleLog();
    private final Bus ports = new Bus();
    private final Bus devices = new Bus();
    private final List<MmioTransport> transports = new ArrayList<>();
    private final DeviceThread work;
    private final List<EventFd> events = new ArrayList<>();
    private final List<InterruptLine> lines = new ArrayList<>();
    private final List<KvmVcpu> processors = new ArrayList<>();
    private final List<Vcpu> vcpus = new ArrayList<>();
    private final List<Thread> threads = new ArrayList<>();
    private final CompletableFuture<VmEnd> end = new CompletableFuture<>();
    private @Nullable KvmVm vm;
    private @Nullable Mapping registers;
    private @Nullable SerialPort serial;
    private long behind;
    private boolean held;

    private VirtualMachine(GuestMemory memory) throws ErrnoException {
        this.memory = memory;
        try {
            work = DeviceThread.create(failure -> ended(new VmEnd(VmEnd.Cause.FAILED, failure)));
        } catch (ErrnoException e) {
            memory.close();
            throw e;
        }
    }

    /**
     * Builds it, with the kernel in its memory; nothing runs yet.
     *
     * @throws ErrnoException KVM is missing or refuses
     * @throws IOException a file cannot be read or is no kernel
     */
    public static VirtualMachine create(VmConfig config) throws IOException {
        VirtualMachine machine = new VirtualMachine(GuestMemory.allocate(config.memory()));
        try {
            machine.build(config);
            return machine;
        } catch (IOException | RuntimeException e) {
            machine.close();
            throw e;
        }
    }

    /**
     * Builds one that goes on where another one was when it was written down; nothing runs yet.
     *
     * @param config of the same memory, processors and devices; its kernel and what goes with that are not used
     * @param file that {@link #save} has written, open for reading, consumed; must neither change nor become shorter
     * @throws ErrnoException KVM is missing or refuses
     * @throws IOException the file cannot be read, or is not of such a machine
     */
    public static VirtualMachine restore(VmConfig config, Fd file) throws IOException {
        MachineFile.Head head;
        try {
            head = MachineFile.read(file);
        } catch (IOException | RuntimeException e) {
            file.close();
            throw e;
        }
        VirtualMachine machine = new VirtualMachine(GuestMemory.copyOf(file, head.memoryAt(), config.memory()));
        try {
            try (Kvm kvm = Kvm.open()) {
                machine.assemble(kvm, config);
            }
            machine.behind = MachineState.restore(machine.parts(), head.state());
            return machine;
        } catch (IOException | RuntimeException e) {
            machine.close();
            throw e;
        }
    }

    private void build(VmConfig config) throws IOException {
        try (Kvm kvm = Kvm.open()) {
            assemble(kvm, config);
            GuestLoader.Loaded loaded = GuestLoader.load(memory, config.kernel(), config.initramfs());
            BootRegisters registersAtBoot = describe(config, loaded);
            for (KvmVcpu vcpu : processors) {
                vcpu.setMsrs(Msrs.boot());
                vcpu.resetFpu();
                vcpu.connectLocalInterrupts();
            }
            // The others wait for the first one's INIT and SIPI, which the kernel's APICs deal with.
            processors.getFirst().setRegisters(registersAtBoot);
        }
    }

    /** All that there is before anything is in it. */
    private void assemble(Kvm kvm, VmConfig config) throws IOException {
        KvmVm made = kvm.createVm();
        vm = made;
        made.createInterruptControllers();
        int slot = 0;
        for (GuestMemory.Region region : memory.regions()) {
            made.setMemory(slot++, region.guestAddress(), memory.mapping(), region.offset(), region.size());
        }
        SerialPort port = new SerialPort(console, interrupt(made, Layout.SERIAL_LINE));
        serial = port;
        ports.add(Layout.SERIAL_PORT, Layout.SERIAL_PORTS, port);
        ports.add(Layout.RESET_PORT, 1, new ResetPort(() -> ended(VmEnd.of(VmEnd.Cause.RESET))));
        ports.add(
                Layout.SLEEP_PORT,
                Layout.SLEEP_PORTS,
                new SleepPort(AcpiTables.SLEEP_OFF, () -> ended(VmEnd.of(VmEnd.Cause.POWER_OFF))));

        devices.add(Layout.TIME, Layout.TIME_SIZE, new TimeDevice(Clock.systemUTC()));
        if (!config.devices().isEmpty()) {
            plug(made, slot, config.devices());
        }

        for (int i = 0; i < config.processors(); i++) {
            KvmVcpu vcpu = made.createVcpu(i);
            processors.add(vcpu);
            vcpu.setCpuid(Cpuid.of(kvm.supportedCpuid(), i, config.processors()));
            vcpus.add(new Vcpu(vcpu, ports, devices, this::ended));
        }
    }

    private MachineState.Parts parts() {
        KvmVm made = vm;
        SerialPort port = serial;
        if (made == null || port == null) {
            throw new IllegalStateException("a machine that is not assembled");
        }
        return new MachineState.Parts(made, memory, processors, port, transports);
    }

    private BootRegisters describe(VmConfig config, GuestLoader.Loaded loaded) throws IOException {
        try {
            AcpiTables.write(memory, config.processors(), config.devices().size());
            long initramfs = loaded.initramfs();
            if (config.protocol() == BootProtocol.LINUX) {
                long bootParams = LinuxStart.write(memory, config.commandLine(), initramfs, loaded.initramfsSize());
                return LongMode.registers(loaded.entry(), bootParams);
            }
            if (loaded.pvhEntry() < 0) {
                throw new KernelFormatException(
                        "boot " + config.kernel() + ": it has no PVH entry (built without CONFIG_PVH)");
            }
            long startInfo = PvhStart.write(memory, config.commandLine(), initramfs, loaded.initramfsSize());
            return BootRegisters.pvh(loaded.pvhEntry(), startInfo);
        } catch (GuestFault e) {
            throw new IOException("describe the machine to its kernel: " + e.getMessage(), e);
        }
    }

    private void plug(KvmVm made, int slot, List<VirtioDevice> all) throws ErrnoException {
        long size = (long) all.size() * Layout.VIRTIO_PAGE;
        Mapping pages;
        try (Fd file = MemFd.memory("caisson-registers", size)) {
            pages = Mapping.shared(file, size);
        }
        registers = pages;
        EventFd ignored = EventFd.open("acknowledged interrupts");
        events.add(ignored);
        for (VirtioDevice device : all) {
            long offset = (long) transports.size() * Layout.VIRTIO_PAGE;
            plug(made, device);
            transports.getLast().publish(pages, offset);
            // Nobody looks at it: the page says all the time that there may be something to do.
            made.connectWrite(
                    ignored,
                    Layout.VIRTIO + offset + MmioTransport.INTERRUPT_ACKNOWLEDGE,
                    MmioTransport.ACKNOWLEDGE_USED);
        }
        made.setReadOnlyMemory(slot, Layout.VIRTIO, pages, 0, size);
    }

    private void plug(KvmVm made, VirtioDevice device) throws ErrnoException {
        int number = transports.size();
        long page = Layout.VIRTIO + (long) number * Layout.VIRTIO_PAGE;
        MmioTransport transport = new MmioTransport(memory, device, interrupt(made, Layout.VIRTIO_LINE + number));
        transports.add(transport);
        device.attach(work.eventsOf(transport));
        devices.add(page, Layout.VIRTIO_PAGE, transport);
        for (int queue = 0; queue < transport.queueCount(); queue++) {
            EventFd notified = EventFd.open("virtio " + number + " queue " + queue);
            events.add(notified);
            made.connectWrite(notified, page + MmioTransport.QUEUE_NOTIFY, queue);
            int which = queue;
            Runnable process = () -> transport.process(which);
            if (!device.attend(new Notifications(notified, process, work))) {
                work.watch(notified, process);
            }
        }
    }

    private record Notifications(EventFd event, Runnable action, DeviceThread work) implements QueueNotifications {
        @Override
        public Fd raised() {
            return event.fd();
        }

        @Override
        public void process() {
            action.run();
        }

        @Override
        public void failed(String why) {
            work.failed(why);
        }
    }

    private Interrupt interrupt(KvmVm made, int line) {
        InterruptLine wire = made.interruptLine(line);
        lines.add(wire);
        return () -> {
            try {
                wire.raise();
            } catch (ErrnoException e) {
                ended(new VmEnd(VmEnd.Cause.FAILED, String.valueOf(e.getMessage())));
            }
        };
    }

    /** Lets the guest run. */
    public void start() {
        work.start();
        for (int i = 0; i < vcpus.size(); i++) {
            threads.add(Thread.ofPlatform().name("vcpu-" + i).daemon().start(vcpus.get(i)));
        }
    }

    /** Ends it without asking the guest. */
    public void stop() {
        ended(VmEnd.of(VmEnd.Cause.STOPPED));
    }

    private void ended(VmEnd how) {
        end.complete(how);
        for (Vcpu vcpu : vcpus) {
            try {
                vcpu.stop();
            } catch (ErrnoException e) {
                assert e.errno() == dev.caisson.linux.Errno.ESRCH : "its thread has ended already";
            }
        }
    }

    /** What the guest wrote to its serial console. */
    public ConsoleLog console() {
        return console;
    }

    /** The guest's memory's footprint so far. */
    public Footprint footprint() throws ErrnoException {
        return memory.footprint();
    }

    /**
     * Has the machine's own made of pages that are a template's; before {@link #start}.
     *
     * @param footprint what the guest is going to write to, as {@link Footprint#text}
     * @throws IllegalArgumentException it is none of this memory
     */
    public void own(String footprint) {
        if (!threads.isEmpty()) {
            throw new IllegalArgumentException("the guest runs");
        }
        memory.own(Footprint.parse(footprint, memory.pages()).own());
    }

    /** Gives the guest what somebody types at its serial console. */
    public void type(String text) {
        if (serial != null) {
            serial.receive(text.getBytes(StandardCharsets.UTF_8));
        }
    }

    /** How often its processors stopped so far. */
    public ExitCounts exits() {
        ExitCounts all = new ExitCounts(0, 0);
        for (Vcpu vcpu : vcpus) {
            all = all.plus(vcpu.exits());
        }
        return all;
    }

    /** Bytes of the host's memory that the guest's takes; see {@link GuestMemory#used}. */
    public long memoryUsed() throws ErrnoException {
        return memory.used();
    }

    /**
     * Writes its memory and its processors' registers to a file, while they stand still.
     *
     * @param file empty and open for writing; holes stay holes
     */
    public void dump(Fd file) throws IOException, InterruptedException {
        whileStill(() -> {
            List<long[]> registers = new ArrayList<>();
            for (KvmVcpu each : processors) {
                registers.add(each.registers());
            }
            byte[] head = CoreFile.head(memory.regions(), registers);
            HostFiles.writeAll(file, head);
            memory.save(file, head.length);
        });
    }

    /**
     * Writes all of it to a file, for {@link #restore}; it goes on afterwards, if it is not held. What it has of the host's, connections and files, does not go along.
     *
     * @param file empty and open for writing
     * @throws IOException the file cannot be written, or a device is busy
     */
    public void save(Fd file) throws IOException, InterruptedException {
        whileStill(() -> {
            // What the guest has asked for is done: whoever goes on from here must not find it half done, nor do it
            // again.
            var _ = work.call(() -> {
                transports.forEach(MmioTransport::processAll);
                return true;
            });
            for (MmioTransport each : transports) {
                awaitIdle(each);
            }
            var _ = work.call(() -> {
                MachineFile.write(file, MachineState.save(parts()), memory);
                return true;
            });
        });
    }

    private static void awaitIdle(MmioTransport device) throws IOException, InterruptedException {
        long end = System.nanoTime() + STILL_NANOS;
        while (!device.isIdle()) {
            device.settle(); // again: a request may just have begun to wait
            if (System.nanoTime() > end) {
                throw new IOException("a device of the virtual machine does not come to rest");
            }
            Thread.sleep(1);
        }
    }

    /** Has all processors stand still until {@link #go}. What devices have begun they end. */
    public synchronized void hold() throws IOException, InterruptedException {
        whileStill(() -> held = true);
    }

    /** Lets them go on; the guest's clocks have not stood still. */
    public synchronized void go() {
        held = false;
        vcpus.forEach(Vcpu::resume);
    }

    private interface Deed {
        void run() throws IOException, InterruptedException;
    }

    private synchronized void whileStill(Deed deed) throws IOException, InterruptedException {
        try {
            standStill();
            deed.run();
        } finally {
            if (!held) {
                vcpus.forEach(Vcpu::resume);
            }
        }
    }

    private void standStill() throws IOException, InterruptedException {
        for (Vcpu vcpu : vcpus) {
            vcpu.pause();
        }
        for (int i = 0; i < vcpus.size(); i++) {
            if (!vcpus.get(i).awaitStill(STILL_NANOS)) {
                throw new IOException("processor " + i + " of the virtual machine does not stand still");
            }
        }
    }

    /** By how many nanoseconds the guest's clocks were behind when it was restored; 0 for one that has booted. */
    public long behind() {
        return behind;
    }

    /** Bytes that its guest believes to have. */
    public long memorySize() {
        return memory.mapping().size();
    }

    /** How many processors it has. */
    public int processorCount() {
        return vcpus.size();
    }

    /**
     * Waits for its end.
     *
     * @return null when there was none in time
     */
    public @Nullable VmEnd await(Duration limit) throws InterruptedException {
        try {
            return end.get(limit.toNanos(), TimeUnit.NANOSECONDS);
        } catch (TimeoutException e) {
            return null;
        } catch (ExecutionException e) {
            throw new AssertionError("an end is never a failure", e);
        }
    }

    /** Ends it and gives back all that it has. */
    @Override
    public void close() {
        stop();
        boolean interrupted = false;
        for (Thread thread : threads) {
            while (thread.isAlive()) {
                try {
                    thread.join();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        }
        work.end();
        transports.forEach(MmioTransport::shutDown);
        work.close();
        processors.forEach(KvmVcpu::close);
        lines.forEach(InterruptLine::close);
        if (vm != null) {
            vm.close();
        }
        events.forEach(EventFd::close);
        if (registers != null) {
            registers.close();
        }
        memory.close();
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
