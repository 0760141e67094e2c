package dev.caisson.tests.support;

import java.io.ByteArrayOutputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;

/**
 * A client of containerd's CRI streaming server: the URLs that Exec, Attach and PortForward answer with, over a WebSocket with the
 * subprotocol {@code v4.channel.k8s.io}. The first byte of each message is its channel.
 */
public final class CriStream implements AutoCloseable {
    public static final int STDIN = 0;
    public static final int STDOUT = 1;
    public static final int STDERR = 2;
    /** How an exec ended, as JSON. */
    public static final int STATUS = 3;

    private static final int RESIZE = 4;
    private static final Duration DIAL = Duration.ofSeconds(10);

    private final HttpClient http = HttpClient.newHttpClient();
    private final Map<Integer, ByteArrayOutputStream> received = new HashMap<>();
    private final CompletableFuture<Void> closed = new CompletableFuture<>();
    private final WebSocket socket;

    private CriStream(String url) {
        socket = http.newWebSocketBuilder()
                .subprotocols("v4.channel.k8s.io")
                .connectTimeout(DIAL)
                .buildAsync(URI.create(url.replaceFirst("^http", "ws")), new Receiver())
                .join();
    }

    /** Connects to a URL that the CRI gave; each is good for one connection. */
    public static CriStream open(String url) {
        return new CriStream(url);
    }

    private final class Receiver implements WebSocket.Listener {
        private final ByteArrayOutputStream message = new ByteArrayOutputStream();

        @Override
        public CompletionStage<?> onBinary(WebSocket from, ByteBuffer data, boolean last) {
            byte[] part = new byte[data.remaining()];
            data.get(part);
            message.writeBytes(part);
            if (last) {
                byte[] whole = message.toByteArray();
                message.reset();
                if (whole.length > 0) {
                    synchronized (received) {
                        received.computeIfAbsent((int) whole[0], c -> new ByteArrayOutputStream())
                                .write(whole, 1, whole.length - 1);
                    }
                }
            }
            from.request(1);
            return CompletableFuture.completedFuture(null);
        }

        @Override
        public CompletionStage<?> onClose(WebSocket from, int code, String reason) {
            closed.complete(null);
            return CompletableFuture.completedFuture(null);
        }

        @Override
        public void onError(WebSocket from, Throwable error) {
            closed.complete(null); // a server that hangs up without a closing message
        }
    }

    /** Sends {@code text} on a channel. */
    public void send(int channel, String text) {
        send(channel, text.getBytes(StandardCharsets.UTF_8));
    }

    public void send(int channel, byte[] bytes) {
        ByteBuffer message = ByteBuffer.allocate(bytes.length + 1)
                .put((byte) channel)
                .put(bytes)
                .flip();
        try {
            socket.sendBinary(message, true).get(DIAL.toSeconds(), TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted while sending", e);
        } catch (java.util.concurrent.ExecutionException | java.util.concurrent.TimeoutException e) {
            throw new AssertionError("send to channel " + channel, e);
        }
    }

    public void resize(int columns, int rows) {
        send(RESIZE, "{\"Width\":" + columns + ",\"Height\":" + rows + "}");
    }

    /** What has come on a channel so far. */
    public byte[] bytes(int channel) {
        synchronized (received) {
            ByteArrayOutputStream all = received.get(channel);
            return all == null ? new byte[0] : all.toByteArray();
        }
    }

    public String text(int channel) {
        return new String(bytes(channel), StandardCharsets.UTF_8);
    }

    /** Waits until {@code text} has come on a channel. */
    public void expect(int channel, String text, Duration limit) {
        Await.until(
                () -> "\"" + text + "\" on channel " + channel + ", so far: " + received(),
                limit,
                () -> text(channel).contains(text));
    }

    private String received() {
        synchronized (received) {
            StringBuilder all = new StringBuilder();
            received.forEach((channel, bytes) -> all.append(channel)
                    .append(": ")
                    .append(bytes.toString(StandardCharsets.UTF_8))
                    .append('\n'));
            return all.toString();
        }
    }

    /** Waits until the server has closed the connection. */
    public void awaitClose(Duration limit) {
        Await.until(() -> "the server closes, so far: " + received(), limit, closed::isDone);
    }

    /** Hangs up, as a client that is killed does. */
    @Override
    public void close() {
        socket.abort();
        http.shutdownNow();
    }
}
