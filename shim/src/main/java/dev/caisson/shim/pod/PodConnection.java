package dev.caisson.shim.pod;

import dev.caisson.shim.link.MonitorLink;
import dev.caisson.ttrpc.ConnectionInfo;
import dev.caisson.ttrpc.wire.Frame;

/** What handlers know of a request: the pod whose monitor it came through, and how to commit it. */
public record PodConnection(Pod pod, MonitorLink link, int connection) implements ConnectionInfo {
    /** Says that side effects follow; see design: a committed request is not given to another daemon. */
    public void commit(int stream) {
        link.commit(connection, stream);
    }

    /** As {@link #commit(int)} for a request that makes a launch. */
    public void commit(int stream, int launch) {
        link.commit(connection, stream, launch);
    }

    /**
     * {@link MonitorLink#pledgeLaunched} for one of its requests.
     *
     * @param response a ttrpc Response message, with a place in it
     */
    public void pledgeLaunched(int stream, int launch, byte[] response, int pid) {
        link.pledgeLaunched(connection, stream, launch, frame(stream, response), MonitorSink.HEADER + pid);
    }

    /** {@link MonitorLink#pledgeExited} for one of its requests. */
    public void pledgeExited(int stream, int launch, byte[] response, int status, int seconds, int nanos) {
        int h = MonitorSink.HEADER;
        link.pledgeExited(connection, stream, launch, frame(stream, response), h + status, h + seconds, h + nanos);
    }

    private static byte[] frame(int stream, byte[] response) {
        return MonitorSink.encode(Frame.response(stream, response));
    }

    /** Whether an earlier daemon got the request too, and may have done what it asks. */
    public boolean isRedelivered(int stream) {
        return pod.isRedelivered(connection, stream);
    }

    /** Whether an earlier connection to this monitor has ended: containerd was here before. */
    public boolean isReconnect() {
        return connection > pod.connections.size();
    }
}
