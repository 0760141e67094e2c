package dev.caisson.kvm.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.kvm.plan.ProxyFrames;
import dev.caisson.ttrpc.proto.envelope.Request;
import dev.caisson.ttrpc.proto.guest.WindowRequest;
import dev.caisson.ttrpc.proto.task.KillRequest;
import dev.caisson.ttrpc.wire.FrameHeader;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class ProxyRequestsTest {
    private static Request envelope(byte[] frame) throws Exception {
        return Request.parseFrom(Arrays.copyOfRange(frame, FrameHeader.LENGTH, frame.length));
    }

    @Test
    void everySignalIsTheByteAtItsPlace() throws Exception {
        for (String exec : new String[] {"", "exec-1"}) {
            ProxyFrames frames = ProxyRequests.of("container", exec);
            for (int signal = 1; signal <= 64; signal++) {
                byte[] kill = frames.kill().clone();
                kill[frames.signalAt()] = (byte) signal;
                Request request = envelope(kill);
                assertThat(request.getMethod()).isEqualTo("Kill");
                assertThat(KillRequest.parseFrom(request.getPayload()))
                        .isEqualTo(KillRequest.newBuilder()
                                .setId("container")
                                .setExecId(exec)
                                .setSignal(signal)
                                .build());
            }
        }
    }

    @Test
    void aTerminalsSizeIsTheEightBytesAtItsPlace() throws Exception {
        ProxyFrames frames = ProxyRequests.of("container", "");
        byte[] window = frames.window().clone();
        byte[] size = {40, 0, (byte) 200, 1, 0, 0, 0, 0};
        System.arraycopy(size, 0, window, frames.sizeAt(), size.length);
        assertThat(WindowRequest.parseFrom(envelope(window).getPayload())
                        .getSize()
                        .toByteArray())
                .isEqualTo(size);
    }
}
