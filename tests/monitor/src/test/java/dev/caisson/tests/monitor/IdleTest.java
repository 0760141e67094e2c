package dev.caisson.tests.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** What a monitor costs that has nothing to do. */
class IdleTest {
    @Test
    void noTimeAndLittleMemory() throws Exception {
        try (Rig rig = Rig.release()) {
            Peer link = rig.startMonitor();
            link.spawn(1, "runs", Plans.gated("exit 0"), 0, 0);
            link.awaitPid(1);
            try (Containerd c = rig.connect()) {
                c.request(1, new byte[100_000]);
                Frame f = link.await(Frame.REQUEST);
                byte[] answer = new Containerd.Message(1, Containerd.RESPONSE, 0, new byte[100_000]).frame();
                link.send(Frame.of(Frame.ANSWER, 0, f.a(), 0, answer));
                c.next();
                long before = Rig.ticks(rig.monitorPid());
                Rig.sleep(5000);
                assertThat(Rig.ticks(rig.monitorPid()) - before)
                        .as("ticks with a daemon")
                        .isZero();
                rig.loseDaemon();
                before = Rig.ticks(rig.monitorPid());
                Rig.sleep(5000);
                assertThat(Rig.ticks(rig.monitorPid()) - before)
                        .as("ticks without one")
                        .isZero();
            }
            int pid = rig.monitorPid();
            System.out.println("monitor: PSS " + Rig.kib(pid, "smaps_rollup", "Pss") + " KiB, anonymous "
                    + Rig.kib(pid, "status", "RssAnon") + " KiB, page tables "
                    + Rig.kib(pid, "status", "VmPTE") + " KiB, binary "
                    + rig.binary.toFile().length() + " bytes");
            assertThat(Rig.kib(pid, "smaps_rollup", "Pss")).isLessThan(150);
        }
    }
}
