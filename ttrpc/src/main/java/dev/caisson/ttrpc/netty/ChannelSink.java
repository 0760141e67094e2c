package dev.caisson.ttrpc.netty;

import dev.caisson.ttrpc.FrameSink;
import dev.caisson.ttrpc.wire.Frame;
import dev.caisson.ttrpc.wire.FrameEncoder;
import dev.caisson.ttrpc.wire.FrameHeader;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Writes frames to a channel. A peer that sends requests and never reads responses would make the queue grow without
 * bound, so beyond {@link #MAX_QUEUED} bytes the connection is closed; reading never stops for it, since a reader that
 * waits for the writer deadlocks with a peer that does the same (ttrpc issue 72).
 */
final class ChannelSink extends ChannelInboundHandlerAdapter implements FrameSink {
    /** Bytes queued for a peer that does not read. */
    static final long MAX_QUEUED = 64L << 20;

    private final Channel channel;
    private final AtomicLong queued = new AtomicLong();
    private final Object writable = new Object();

    ChannelSink(Channel channel) {
        this.channel = channel;
    }

    @Override
    public void send(Frame frame) {
        if (!channel.isActive()) {
            return;
        }
        int length = FrameHeader.LENGTH + frame.payload().length;
        if (queued.addAndGet(length) > MAX_QUEUED) {
            queued.addAndGet(-length);
            var _ = channel.close();
            return;
        }
        ByteBuf bytes = channel.alloc().ioBuffer(length);
        FrameEncoder.encode(frame, bytes);
        var _ = channel.writeAndFlush(bytes).addListener(done -> queued.addAndGet(-length));
    }

    @Override
    public void awaitWritable() throws InterruptedException {
        if (channel.isWritable() || channel.eventLoop().inEventLoop()) {
            return;
        }
        synchronized (writable) {
            while (!channel.isWritable() && channel.isActive()) {
                writable.wait();
            }
        }
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext context) {
        wake();
        context.fireChannelWritabilityChanged();
    }

    @Override
    public void channelInactive(ChannelHandlerContext context) {
        wake();
        context.fireChannelInactive();
    }

    private void wake() {
        synchronized (writable) {
            writable.notifyAll();
        }
    }

    @Override
    public void close() {
        var _ = channel.close();
    }

    @Override
    public String toString() {
        return "ChannelSink[" + channel + "]";
    }
}
