package dev.caisson.namespace.systemd;

import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.Processes;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.freedesktop.dbus.DBusPath;
import org.freedesktop.dbus.connections.impl.DBusConnection;
import org.freedesktop.dbus.connections.impl.DBusConnectionBuilder;
import org.freedesktop.dbus.exceptions.DBusException;
import org.freedesktop.dbus.exceptions.DBusExecutionException;
import org.freedesktop.dbus.interfaces.Properties;
import org.freedesktop.dbus.types.UInt32;
import org.freedesktop.dbus.types.UInt64;
import org.freedesktop.dbus.types.Variant;
import org.jspecify.annotations.Nullable;

/**
 * A connection to a service manager: the system's for root, the user's own for everybody else. Thread-safe; connects at the first call,
 * and once more when the bus has gone away since.
 */
public final class Systemd {
    private static final String NAME = "org.freedesktop.systemd1";
    private static final String PATH = "/org/freedesktop/systemd1";
    private static final String MANAGER = NAME + ".Manager";
    private static final String SYSTEM_BUS = "unix:path=/run/dbus/system_bus_socket";
    private static final String REPLACE = "replace";
    private static final Duration JOB_TIME = Duration.ofSeconds(30);

    private final boolean user;
    private final Map<String, BlockingQueue<Bus.Units.JobRemoved>> ended = new ConcurrentHashMap<>();
    private @Nullable DBusConnection connection;
    private Bus.@Nullable Units manager;

    /** @param user whether to talk to the user's own manager */
    public Systemd(boolean user) {
        this.user = user;
    }

    /** Whether containers of this process belong to a user's manager. */
    public static boolean isUsers(boolean inUserNamespace) {
        return inUserNamespace || Processes.effectiveUid() != 0;
    }

    /** Where units go that name no slice. */
    public String defaultSlice() {
        return user ? "user.slice" : "system.slice";
    }

    /** The manager's own group, below which its slices are; empty for the root. */
    public String ownGroup() throws SystemdException {
        if (!user) {
            return "";
        }
        try {
            connect();
            Properties properties =
                    java.util.Objects.requireNonNull(connection).getRemoteObject(NAME, PATH, Properties.class);
            String group = properties.Get(MANAGER, "ControlGroup");
            return group == null || group.equals("/") ? "" : group;
        } catch (DBusException | DBusExecutionException e) {
            throw failure("ask the user's systemd for its cgroup", e);
        }
    }

    /**
     * Starts a transient unit and waits for it. A unit of that name that has failed is forgotten first.
     *
     * @throws SystemdException also for one that is active: its container, or somebody else's, still lives
     */
    public void start(String unit, List<UnitProperty> properties) throws SystemdException {
        String what = "start systemd unit " + unit;
        try {
            job(unit, what, m -> m.StartTransientUnit(unit, REPLACE, settings(properties), List.of()));
        } catch (UnitExistsException e) {
            reset(unit);
            job(unit, what, m -> m.StartTransientUnit(unit, REPLACE, settings(properties), List.of()));
        }
    }

    /** Changes a unit for as long as it lives. */
    public void set(String unit, List<UnitProperty> properties) throws SystemdException {
        if (properties.isEmpty()) {
            return;
        }
        String what = "set properties of systemd unit " + unit;
        call(what, m -> {
            m.SetUnitProperties(unit, true, settings(properties));
            return "";
        });
    }

    /**
     * Moves a process into the group of a unit that was delegated (org.freedesktop.systemd1(5)). A user's manager has the system's do it
     * where the kernel does not let it.
     */
    public void attach(String unit, int pid) throws SystemdException {
        call("attach process " + pid + " to systemd unit " + unit, m -> {
            m.AttachProcessesToUnit(unit, "", new UInt32[] {new UInt32(pid)});
            return "";
        });
    }

    /** Stops a unit and forgets how it ended; one that is gone is no failure. */
    public void stop(String unit) throws SystemdException {
        try {
            job(unit, "stop systemd unit " + unit, m -> m.StopUnit(unit, REPLACE));
        } catch (NoSuchUnitException e) {
            return;
        }
        reset(unit);
    }

    private void reset(String unit) {
        try {
            call("reset systemd unit " + unit, m -> {
                m.ResetFailedUnit(unit);
                return "";
            });
        } catch (SystemdException e) {
            // It was not loaded any more, or had not failed.
        }
    }

    private interface Call<T> {
        T on(Bus.Units manager) throws DBusException;
    }

    private <T> T call(String what, Call<T> call) throws SystemdException {
        for (boolean again = false; ; again = true) {
            try {
                return call.on(connect());
            } catch (DBusExecutionException e) {
                if (saysExists(e)) {
                    throw new UnitExistsException(what + ": " + e.getMessage(), e);
                }
                if (saysNoSuchUnit(e)) {
                    throw new NoSuchUnitException(what + ": " + e.getMessage(), e);
                }
                if (again || isConnected()) {
                    throw failure(what, e);
                }
            } catch (DBusException e) {
                if (again || isConnected()) {
                    throw failure(what, e);
                }
            }
            disconnect();
        }
    }

    /** The library does not give the error's name; these are systemd's words for UnitExists (src/core/dbus-manager.c). */
    private static boolean saysExists(DBusExecutionException e) {
        return String.valueOf(e.getMessage()).contains("was already loaded");
    }

    /** And for NoSuchUnit (src/core/dbus-manager.c). */
    private static boolean saysNoSuchUnit(DBusExecutionException e) {
        String text = String.valueOf(e.getMessage());
        return text.endsWith(" not loaded.") || text.endsWith(" not found.");
    }

    private void job(String unit, String what, Call<DBusPath> call) throws SystemdException {
        // Before the call: the job may end before the reply is read.
        BlockingQueue<Bus.Units.JobRemoved> queue = ended.computeIfAbsent(unit, u -> new LinkedBlockingQueue<>());
        try {
            String job = call(what, call).getPath();
            long end = System.nanoTime() + JOB_TIME.toNanos();
            while (true) {
                Bus.Units.JobRemoved removed = queue.poll(end - System.nanoTime(), TimeUnit.NANOSECONDS);
                if (removed == null) {
                    throw new SystemdException(what + ": no end within " + JOB_TIME.toSeconds() + " s", null);
                }
                if (removed.job().equals(job)) {
                    if (!removed.result().equals("done")) {
                        throw new SystemdException(what + ": the job ended as " + removed.result(), null);
                    }
                    return;
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new SystemdException(what + ": interrupted", e);
        } finally {
            ended.remove(unit, queue);
        }
    }

    private void onJob(Bus.Units.JobRemoved job) {
        BlockingQueue<Bus.Units.JobRemoved> queue = ended.get(job.unit());
        if (queue != null) {
            queue.add(job);
        }
    }

    private synchronized boolean isConnected() {
        return connection != null && connection.isConnected();
    }

    private synchronized Bus.Units connect() throws DBusException, SystemdException {
        if (manager != null && isConnected()) {
            return manager;
        }
        disconnect();
        // One thread of each kind: there are a few calls per container.
        DBusConnection made = DBusConnectionBuilder.forAddress(address())
                .withShared(false)
                .transportConfig()
                .configureSasl()
                .withSaslUid(outerUser())
                .back()
                .back()
                .receivingThreadConfig()
                .withSignalThreadCount(1)
                .withMethodReturnThreadCount(1)
                .withMethodCallThreadCount(1)
                .withErrorHandlerThreadCount(1)
                .connectionConfig()
                .build();
        made.addSigHandler(Bus.Units.JobRemoved.class, this::onJob);
        Bus.Units found = made.getRemoteObject(NAME, PATH, Bus.Units.class);
        // Without a subscriber the manager says nothing about its jobs.
        found.Subscribe();
        connection = made;
        manager = found;
        return found;
    }

    /** Ends the connection, if there is one. */
    public synchronized void disconnect() {
        if (connection != null) {
            connection.disconnect();
            connection = null;
            manager = null;
        }
    }

    private String address() throws SystemdException {
        if (!user) {
            return SYSTEM_BUS;
        }
        String address = System.getenv("DBUS_SESSION_BUS_ADDRESS");
        if (address != null && !address.isEmpty()) {
            return address;
        }
        String runtime = System.getenv("XDG_RUNTIME_DIR");
        // A daemon that a command or a monitor has started has no variables of anybody's.
        Path bus = Path.of(runtime == null ? "/run/user/" + outerUser() : runtime, "bus");
        if (!Files.exists(bus)) {
            throw new SystemdException(
                    "connect to the user's systemd: neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR names a bus,"
                            + " and there is no " + bus,
                    null);
        }
        return "unix:path=" + bus;
    }

    /** This process's user as the bus, outside of a user namespace, sees it (user_namespaces(7), uid_map). */
    private static long outerUser() {
        long inner = Processes.effectiveUid();
        try {
            for (String line : HostFiles.text("/proc/self/uid_map").split("\n", -1)) {
                String[] numbers = line.strip().split(" +", -1);
                if (numbers.length == 3) {
                    long first = Long.parseLong(numbers[0]);
                    if (inner >= first && inner - first < Long.parseLong(numbers[2])) {
                        return Long.parseLong(numbers[1]) + inner - first;
                    }
                }
            }
        } catch (ErrnoException e) {
            return inner;
        }
        return inner;
    }

    private SystemdException failure(String what, Exception cause) {
        String message = cause.getMessage();
        Throwable root = cause;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        if (root instanceof IOException && root.getMessage() != null) {
            message = root.getMessage();
        }
        return new SystemdException(what + ": " + message, cause);
    }

    private static List<Bus.Setting> settings(List<UnitProperty> properties) {
        List<Bus.Setting> settings = new ArrayList<>();
        for (UnitProperty property : properties) {
            settings.add(new Bus.Setting(property.name(), variant(property)));
        }
        return settings;
    }

    private static Variant<?> variant(UnitProperty property) {
        return switch (property) {
            case UnitProperty.Text text -> new Variant<>(text.value());
            case UnitProperty.Flag flag -> new Variant<>(flag.value());
            case UnitProperty.Amount number -> new Variant<>(unsigned(number.value()));
            case UnitProperty.SignedNumber number -> new Variant<>(number.value());
            case UnitProperty.Texts texts -> new Variant<>(texts.value().toArray(new String[0]), "as");
            case UnitProperty.Pids pids ->
                new Variant<>(pids.value().stream().map(pid -> new UInt32(pid)).toArray(UInt32[]::new), "au");
            case UnitProperty.Mask mask -> {
                byte[] bytes = new byte[mask.value().size()];
                for (int i = 0; i < bytes.length; i++) {
                    bytes[i] = mask.value().get(i);
                }
                yield new Variant<>(bytes, "ay");
            }
            case UnitProperty.DeviceNumber number ->
                new Variant<>(List.of(new Bus.ForDevice(number.device(), unsigned(number.value()))), "a(st)");
        };
    }

    private static UInt64 unsigned(long value) {
        return new UInt64(new BigInteger(Long.toUnsignedString(value)));
    }
}
