package dev.caisson.tests.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.support.Ctr;
import dev.caisson.tests.support.Proc;
import dev.caisson.tests.support.Spec;
import dev.caisson.ttrpc.CallOptions;
import dev.caisson.ttrpc.ServiceNames;
import dev.caisson.ttrpc.TtrpcClient;
import dev.caisson.ttrpc.proto.task.CreateTaskResponse;
import dev.caisson.ttrpc.proto.task.StartRequest;
import dev.caisson.ttrpc.proto.task.StartResponse;
import dev.caisson.ttrpc.proto.task.StatsRequest;
import dev.caisson.ttrpc.proto.task.StatsResponse;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** A hundred pods and a killed daemon: the next one answers for every pod. */
class ReattachTest extends ShimRigSuite {
    private static final int PODS = Integer.getInteger("caisson.reattach.pods", 100);
    private static final Duration LIMIT = Duration.ofSeconds(60);

    private record Live(String id, TtrpcClient client, int pid) {}

    private Live pod() throws IOException, InterruptedException {
        String id = Ctr.newId("re");
        Path bundle = rig.bundle(id);
        Files.createDirectories(bundle.resolve("rootfs"));
        Files.write(
                bundle.resolve("config.json"),
                Spec.of(rig.tag(), id, "sleep", "1000").toAny().getValue().toByteArray());
        TtrpcClient client = rig.connect(rig.startBootstrapped(id));
        CallOptions options = CallOptions.timeout(LIMIT);
        client.call(
                ServiceNames.TASK_V3, "Create", rig.createRequest(id).build(), CreateTaskResponse.parser(), options);
        int pid = client.call(
                        ServiceNames.TASK_V3,
                        "Start",
                        StartRequest.newBuilder().setId(id).build(),
                        StartResponse.parser(),
                        options)
                .getPid();
        return new Live(id, client, pid);
    }

    @Test
    void everyPodIsAnsweredForAfterTheDaemonWasKilled() throws IOException, InterruptedException {
        List<Live> pods = new ArrayList<>();
        for (int i = 0; i < PODS; i++) {
            pods.add(pod());
        }
        assertThat(rig.monitors()).hasSize(PODS);

        rig.killCaissond();
        long begin = System.nanoTime();
        List<CompletableFuture<StatsResponse>> answers = new ArrayList<>();
        for (Live pod : pods) {
            // Stats is never answered by the monitor itself.
            answers.add(pod.client()
                    .callAsync(
                            ServiceNames.TASK_V3,
                            "Stats",
                            StatsRequest.newBuilder().setId(pod.id()).build(),
                            StatsResponse.parser(),
                            CallOptions.timeout(LIMIT)));
        }
        CompletableFuture.anyOf(answers.toArray(CompletableFuture<?>[]::new)).join();
        long first = (System.nanoTime() - begin) / 1_000_000;
        CompletableFuture.allOf(answers.toArray(CompletableFuture<?>[]::new)).join();
        long all = (System.nanoTime() - begin) / 1_000_000;
        System.out.println(PODS + " pods after kill -9 of caissond: first answer " + first + " ms, all " + all + " ms");

        assertThat(answers)
                .allSatisfy(answer ->
                        assertThat(answer.join().getStats().getTypeUrl()).contains("io.containerd.cgroups.v"));
        assertThat(pods).allSatisfy(pod -> assertThat(Proc.lives(pod.pid())).isTrue());
        for (Live pod : pods) {
            rig.delete(pod.id()).run().ok();
        }
        rig.assertNothingLeft();
    }
}
