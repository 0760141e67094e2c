package dev.caisson.ttrpc.netty;

import dev.caisson.ttrpc.wire.FrameDecoder;
import dev.caisson.ttrpc.wire.FrameListener;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.util.ReferenceCountUtil;

/**
 * Feeds a channel's bytes to a {@link FrameDecoder}. It collects nothing of its own, as ByteToMessageDecoder would: the
 * decoder takes every byte at once, straight into the payload's array.
 */
final class FrameDecodingHandler extends ChannelInboundHandlerAdapter {
    private final FrameDecoder decoder;
    private final Runnable onInactive;

    FrameDecodingHandler(FrameListener listener, Runnable onInactive) {
        this.decoder = new FrameDecoder(listener);
        this.onInactive = onInactive;
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
        try {
            decoder.feed((ByteBuf) message);
        } finally {
            ReferenceCountUtil.release(message);
        }
    }

    @Override
    public void channelInactive(ChannelHandlerContext context) {
        onInactive.run();
        context.fireChannelInactive();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
        // ECONNRESET, EPIPE and the like; channelInactive follows.
        var _ = context.close();
    }
}
