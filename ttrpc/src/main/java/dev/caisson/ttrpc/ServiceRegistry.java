package dev.caisson.ttrpc;

import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Service names and their methods. Immutable. */
public final class ServiceRegistry {
    private final Map<String, Methods> services;

    private ServiceRegistry(Map<String, Methods> services) {
        this.services = Map.copyOf(services);
    }

    /** An empty builder. */
    public static Builder builder() {
        return new Builder();
    }

    /** The names of the services. */
    public Set<String> names() {
        return services.keySet();
    }

    /** The methods of a service, or null. */
    public @Nullable Methods find(String service) {
        return services.get(service);
    }

    /** Collects services. Not thread-safe. */
    public static final class Builder {
        private final Map<String, Methods> services = new HashMap<>();

        private Builder() {}

        /** Adds a service under its full protobuf name, for example {@code containerd.task.v3.Task}. */
        public Builder service(String name, Methods methods) {
            if (name.isEmpty()) {
                throw new IllegalArgumentException("empty service name");
            }
            if (services.putIfAbsent(name, methods) != null) {
                throw new IllegalArgumentException("service " + name + " registered twice");
            }
            return this;
        }

        /** The registry so far. */
        public ServiceRegistry build() {
            return new ServiceRegistry(services);
        }
    }
}
