package dev.caisson.daemon;

import dev.caisson.backend.Backend;
import dev.caisson.backend.Container;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.Launch;
import dev.caisson.backend.Launcher;
import dev.caisson.linux.cgroup.CgroupStats;
import dev.caisson.linux.plan.LaunchPlan;
import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.oci.ProcessSpec;
import dev.caisson.oci.Resources;
import dev.caisson.shim.link.MonitorClient;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** A wall around nothing, for a daemon that practises: its containers launch plans that nobody plays. */
final class PracticeWall implements Backend {
    static final String NAME = "rehearsal";

    private static final Duration TIME = Duration.ofSeconds(5);

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public Container prepare(CreateRequest request, Launcher launcher) {
        return new Nothing(request, launcher);
    }

    @Override
    public Container recover(CreateRequest request, Map<String, String> record, Launcher launcher) {
        return new Nothing(request, launcher);
    }

    @Override
    public boolean isPaused(Map<String, String> record) {
        return false;
    }

    @Override
    public String features() {
        return "{}";
    }

    private record Nothing(CreateRequest request, Launcher launcher) implements Container {
        private static LaunchPlan plan() {
            return new PlanBuilder().build();
        }

        @Override
        public Map<String, String> record() {
            return Map.of();
        }

        @Override
        public Launch create() throws ContainerFault {
            Launch init = launcher.spawn(request.launch(), "init " + request.id(), plan(), request.io(), Set.of());
            init.gateInBuild((byte) 1);
            init.awaitNote(MonitorClient.READY, TIME);
            return init;
        }

        @Override
        public void start(Launch init) throws ContainerFault {
            init.gate((byte) 1);
            init.awaitLaunchedOr(0, TIME);
        }

        @Override
        public Launch exec(
                Launch init, int launch, String tag, ProcessSpec process, int io, Map<String, String> subgroups)
                throws ContainerFault {
            Launch made = launcher.spawn(launch, tag, plan(), io, Set.of());
            made.gate((byte) 1);
            made.awaitLaunched(TIME);
            return made;
        }

        @Override
        public Launch execAhead(Launch init, int launch, String tag, ProcessSpec process, int io)
                throws ContainerFault {
            return launcher.spawn(launch, tag, plan(), io, Set.of());
        }

        @Override
        public void startAhead(Launch init, Launch exec, ProcessSpec process) throws ContainerFault {
            exec.gate((byte) 1);
            exec.awaitLaunched(TIME);
        }

        @Override
        public void signalAll(int signal) {}

        @Override
        public List<Integer> pids() {
            return List.of();
        }

        @Override
        public void pause() {}

        @Override
        public void resume() {}

        @Override
        public void update(Resources resources) {}

        @Override
        public CgroupStats stats() throws ContainerFault {
            throw new ContainerFault(ContainerFault.Kind.UNSUPPORTED, "stats of container " + request.id());
        }

        @Override
        public long oomKills() {
            return 0;
        }

        @Override
        public void watchOom(Runnable onOom) {}

        @Override
        public void destroy() {}
    }
}
