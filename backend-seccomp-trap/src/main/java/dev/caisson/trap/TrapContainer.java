package dev.caisson.trap;

import dev.caisson.backend.Container;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.Launch;
import dev.caisson.linux.Processes;
import dev.caisson.linux.cgroup.CgroupStats;
import dev.caisson.namespace.OwnFilter;
import dev.caisson.namespace.plan.PlanInput;
import dev.caisson.oci.Linux;
import dev.caisson.oci.Mount;
import dev.caisson.oci.ProcessSpec;
import dev.caisson.oci.Resources;
import dev.caisson.trap.dispatch.TraceFilter;
import dev.caisson.trap.filter.CallTable;
import dev.caisson.trap.filter.Tier;
import dev.caisson.trap.policy.Policy;
import dev.caisson.trap.policy.PolicyException;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A container of the namespace wall, and the sandbox process that answers its calls. */
final class TrapContainer implements Container {
    /** This wall's filter for one container. */
    static final class Filter implements OwnFilter {
        private final PlanInput.SeccompFilter program;
        private final Tier tier;
        private final Guard guard;
        private final @Nullable String policy;
        private final @Nullable Egress egress;
        private final boolean mounts;
        private volatile boolean hasBegun;

        /**
         * @param policy from the container's own program on, a valid one
         * @param egress where it may send to; null for anywhere
         * @param mounts whether its processes may mount
         * @param hasBegun whether the container's init is served already
         */
        Filter(
                PlanInput.SeccompFilter program,
                Tier tier,
                Guard guard,
                @Nullable String policy,
                @Nullable Egress egress,
                boolean mounts,
                boolean hasBegun) {
            this.program = program;
            this.tier = tier;
            this.guard = guard;
            this.policy = policy;
            this.egress = egress;
            this.mounts = mounts;
            this.hasBegun = hasBegun;
        }

        @Override
        public PlanInput.SeccompFilter filter() {
            return program;
        }

        @Override
        public void serve(Launch process, int listener) throws ContainerFault {
            if (hasBegun) {
                guard.serve(process, tier, listener);
            } else {
                guard.begin(process, tier, listener, policy, egress, mounts);
                hasBegun = true;
            }
        }
    }

    private final Container inner;
    private final Filter filter;
    private volatile boolean destroyed;

    TrapContainer(Container inner, Filter filter) {
        this.inner = inner;
        this.filter = filter;
    }

    @Override
    public Map<String, String> record() {
        return filter.guard.record(inner.record());
    }

    @Override
    public void begin() throws ContainerFault {
        inner.begin();
    }

    @Override
    public Launch create() throws ContainerFault {
        filter.guard.prepare();
        Launch init = inner.create();
        if (filter.egress != null) {
            try {
                filter.egress.attach(init);
            } catch (ContainerFault e) {
                init.kill(Processes.SIGKILL);
                throw e;
            }
        }
        watch();
        return init;
    }

    /** Nobody runs unanswered: the guard kills the init when its sandbox process ends, and this everything when the guard does. */
    void watch() {
        filter.guard.onEnd(() -> {
            if (destroyed) {
                return;
            }
            try {
                inner.signalAll(Processes.SIGKILL);
            } catch (ContainerFault e) {
                // It was being destroyed, and its cgroup is gone.
                System.getLogger(TrapContainer.class.getName()).log(System.Logger.Level.DEBUG, e.getMessage());
            }
        });
    }

    @Override
    public void settle(Launch init) throws ContainerFault {
        inner.settle(init);
    }

    @Override
    public void start(Launch init) throws ContainerFault {
        inner.start(init);
    }

    @Override
    public boolean runsWhenLaunched() {
        return inner.runsWhenLaunched();
    }

    @Override
    public Launch exec(Launch init, int launch, String tag, ProcessSpec process, int io, Map<String, String> subgroups)
            throws ContainerFault {
        return inner.exec(init, launch, tag, TrapSpec.process(process), io, subgroups);
    }

    @Override
    public void resumeExec(Launch init, Launch exec, ProcessSpec process) throws ContainerFault {
        inner.resumeExec(init, exec, TrapSpec.process(process));
    }

    @Override
    public void signalAll(int signal) throws ContainerFault {
        inner.signalAll(signal);
    }

    @Override
    public List<Integer> pids() throws ContainerFault {
        return inner.pids();
    }

    @Override
    public void pause() throws ContainerFault {
        inner.pause();
    }

    @Override
    public void resume() throws ContainerFault {
        inner.resume();
    }

    @Override
    public void update(Resources resources) throws ContainerFault {
        inner.update(resources);
    }

    @Override
    public void updateIntelRdt(Linux.IntelRdt wanted) throws ContainerFault {
        inner.updateIntelRdt(wanted);
    }

    @Override
    public CgroupStats stats() throws ContainerFault {
        return inner.stats();
    }

    @Override
    public long oomKills() {
        return inner.oomKills();
    }

    @Override
    public void watchOom(Runnable onOom) {
        inner.watchOom(onOom);
    }

    @Override
    public void addMount(Launch init, Mount mount) throws ContainerFault {
        inner.addMount(init, mount);
    }

    @Override
    public void removeMount(Launch init, String destination) throws ContainerFault {
        inner.removeMount(init, destination);
    }

    @Override
    public void addDevice(Launch init, Linux.Device device, String access) throws ContainerFault {
        inner.addDevice(init, device, access);
    }

    @Override
    public void removeDevice(Launch init, Linux.Device device) throws ContainerFault {
        inner.removeDevice(init, device);
    }

    @Override
    public void trace(int watcher, CallTrace trace) throws ContainerFault {
        for (String call : trace.calls()) {
            if (CallTable.calls().stream().noneMatch(c -> c.name().equals(call))) {
                throw new ContainerFault(ContainerFault.Kind.INVALID, "trace: there is no system call " + call);
            }
        }
        filter.guard.trace(
                watcher, new TraceFilter(trace.json(), trace.pid(), Set.copyOf(trace.calls()), trace.path()));
    }

    @Override
    public void recordPolicy(int watcher) throws ContainerFault {
        filter.guard.record(watcher);
    }

    @Override
    public void enforcePolicy(String policy) throws ContainerFault {
        try {
            var _ = Policy.parse(policy);
        } catch (PolicyException e) {
            throw new ContainerFault(ContainerFault.Kind.INVALID, String.valueOf(e.getMessage()), e);
        }
        filter.guard.enforce(policy);
    }

    @Override
    public void destroy() throws ContainerFault {
        destroyed = true;
        try {
            inner.destroy();
        } finally {
            filter.guard.end();
        }
    }
}
