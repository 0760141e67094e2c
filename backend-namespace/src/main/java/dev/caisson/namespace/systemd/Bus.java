package dev.caisson.namespace.systemd;

import java.util.List;
import org.freedesktop.dbus.DBusPath;
import org.freedesktop.dbus.Struct;
import org.freedesktop.dbus.annotations.DBusInterfaceName;
import org.freedesktop.dbus.annotations.Position;
import org.freedesktop.dbus.exceptions.DBusException;
import org.freedesktop.dbus.interfaces.DBusInterface;
import org.freedesktop.dbus.messages.DBusSignal;
import org.freedesktop.dbus.types.UInt32;
import org.freedesktop.dbus.types.UInt64;
import org.freedesktop.dbus.types.Variant;

/** The shapes that the D-Bus library finds by reflection: org.freedesktop.systemd1(5). Method names are the bus's. */
public final class Bus {
    private Bus() {}

    /** What of the manager object has to do with units. */
    @DBusInterfaceName("org.freedesktop.systemd1.Manager")
    public interface Units extends DBusInterface {
        DBusPath StartTransientUnit(String name, String mode, List<Setting> properties, List<Auxiliary> auxiliary);

        DBusPath StopUnit(String name, String mode);

        void ResetFailedUnit(String name);

        void AttachProcessesToUnit(String name, String subgroup, UInt32[] pids);

        void SetUnitProperties(String name, boolean runtime, List<Setting> properties);

        void Subscribe();

        /** A job has ended. */
        final class JobRemoved extends DBusSignal {
            private final String unit;
            private final String job;
            private final String result;

            public JobRemoved(String path, UInt32 id, DBusPath job, String unit, String result) throws DBusException {
                super(path, id, job, unit, result);
                this.job = job.getPath();
                this.unit = unit;
                this.result = result;
            }

            String unit() {
                return unit;
            }

            String job() {
                return job;
            }

            String result() {
                return result;
            }
        }
    }

    /** Type {@code (sv)}. */
    public static final class Setting extends Struct {
        @Position(0)
        private final String name;

        @Position(1)
        private final Variant<?> value;

        public Setting(String name, Variant<?> value) {
            this.name = name;
            this.value = value;
        }

        public String getName() {
            return name;
        }

        public Variant<?> getValue() {
            return value;
        }
    }

    /** Type {@code (sa(sv))}; none are ever sent. */
    public static final class Auxiliary extends Struct {
        @Position(0)
        private final String name;

        @Position(1)
        private final List<Setting> properties;

        public Auxiliary(String name, List<Setting> properties) {
            this.name = name;
            this.properties = properties;
        }

        public String getName() {
            return name;
        }

        public List<Setting> getProperties() {
            return properties;
        }
    }

    /** Type {@code (st)}. */
    public static final class ForDevice extends Struct {
        @Position(0)
        private final String device;

        @Position(1)
        private final UInt64 value;

        public ForDevice(String device, UInt64 value) {
            this.device = device;
            this.value = value;
        }

        public String getDevice() {
            return device;
        }

        public UInt64 getValue() {
            return value;
        }
    }
}
