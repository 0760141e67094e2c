package dev.caisson.shim.link;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * A monitor's end of the link, with one containerd connection, for a daemon that practises: what it is told to launch it says to have
 * launched. Blocks; for one thread at a time.
 */
public final class MonitorClient extends LinkClient {
    /** The note with which a launch says that it waits for its start. */
    public static final int READY = 17;

    /** Of a process that it attaches with: it has been started, has been made, has ended, was asked for by somebody who was told that it is not there. */
    public static final int GATE_USED = WireFrame.PROC_GATE_USED,
            LAUNCHED = WireFrame.PROC_LAUNCHED,
            EXITED = WireFrame.PROC_EXITED,
            LOST = WireFrame.PROC_LOST;

    private static final int CONNECTION = 1;
    private static final int PROC_BYTES = 24;
    private static final int TTRPC_HEADER = 10;
    private static final byte TTRPC_REQUEST = 1;

    private final int pid;
    private int stream = 1;
    private int lastLaunch;

    /**
     * Attaches.
     *
     * @param pid of the monitor, and of everything that it launches
     */
    public MonitorClient(Path socket, int pid, String pod) throws IOException {
        this(socket, pid, pod, 0, 0);
    }

    /**
     * Attaches, with a process that an earlier daemon has launched.
     *
     * @param launch its launch; 0 for none
     * @param flags {@link #LAUNCHED} and others
     */
    public MonitorClient(Path socket, int pid, String pod, int launch, int flags) throws IOException {
        super(socket);
        this.pid = pid;
        send(WireFrame.of(WireFrame.HELLO, 0, WireFrame.VERSION, pid, pod.getBytes(StandardCharsets.UTF_8)));
        if (launch != 0) {
            ByteBuffer held = ByteBuffer.allocate(PROC_BYTES).order(ByteOrder.LITTLE_ENDIAN);
            send(WireFrame.of(WireFrame.PROC, 0, pid, launch, held.putInt(flags).array()));
        }
        send(WireFrame.of(WireFrame.ATTACHED, 0, 0));
        send(WireFrame.of(WireFrame.CONN_OPEN, CONNECTION, 0));
    }

    /** The id of the launch that was asked for last. */
    public int lastLaunch() {
        return lastLaunch;
    }

    /**
     * Hands on a request of containerd's, and launches what the daemon wants launched, until there is an answer.
     *
     * @param request a ttrpc Request message
     * @return a ttrpc Response message
     */
    public byte[] call(byte... request) throws IOException {
        ByteBuffer frame = ByteBuffer.allocate(TTRPC_HEADER + request.length)
                .putInt(request.length)
                .putInt(stream)
                .put(TTRPC_REQUEST)
                .put((byte) 0)
                .put(request);
        stream += 2;
        send(WireFrame.of(WireFrame.REQUEST, 0, CONNECTION, 0, frame.array()));
        while (true) {
            WireFrame f = read();
            if (f == null) {
                throw new IOException("the daemon has hung up");
            }
            if (f.kind() == WireFrame.ANSWER) {
                byte[] answer = new byte[f.payload().length - TTRPC_HEADER];
                System.arraycopy(f.payload(), TTRPC_HEADER, answer, 0, answer.length);
                return answer;
            }
            obey(f);
        }
    }

    private void obey(WireFrame f) throws IOException {
        switch (f.kind()) {
            case WireFrame.IO_OPEN -> send(WireFrame.of(WireFrame.IO, f.a(), 0));
            case WireFrame.SPAWN -> {
                lastLaunch = f.a();
                note(f.a(), LinkLaunch.SAID_PID, pid);
                note(f.a(), READY, -1);
            }
            case WireFrame.GATE -> {
                if (f.flags() != IN_BUILD) {
                    send(WireFrame.of(WireFrame.LAUNCHED, f.a(), pid));
                }
            }
            case WireFrame.KILL -> exit(f.a());
            default -> {
                // Of no consequence for who launches nothing.
            }
        }
    }

    /** Waits until it is told to end, or nobody is there any more to tell it. */
    public void awaitQuit() throws IOException {
        var _ = awaitFrame(WireFrame.QUIT);
    }

    /**
     * Waits until the daemon has decided about the process that this has attached with.
     *
     * @return whether it is given up: to be killed or, when it has ended and that is known to everybody, to be forgotten; else the daemon goes on with
     *     it and has left answers about it here
     */
    public boolean awaitGivenUp() throws IOException {
        WireFrame decision = awaitFrame(WireFrame.KILL, WireFrame.FORGET, WireFrame.CANNED);
        return decision != null && decision.kind() != WireFrame.CANNED;
    }

    /** Says that a launch has ended with status 0. */
    public void exit(int launch) throws IOException {
        exited(pid, launch);
    }
}
