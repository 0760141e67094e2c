package dev.caisson.shim.pod;

import dev.caisson.shim.link.MonitorLink;
import dev.caisson.ttrpc.ConnectionInfo;

/** What handlers know of a request: the pod whose monitor it came through, and how to commit it. */
public record PodConnection(Pod pod, MonitorLink link, int connection) implements ConnectionInfo {
    /** Says that side effects follow; see design: a committed request is not given to another daemon. */
    public void commit(int stream) {
        link.commit(connection, stream);
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
