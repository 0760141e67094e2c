package dev.caisson.shim.link;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.ChannelPromise;
import io.netty.handler.codec.ByteToMessageDecoder;
import io.netty.handler.codec.CorruptedFrameException;
import java.util.List;

/** Frames to and from bytes; bytes are passed on as they are. A length above the limit ends the connection: the peer is not one of ours. */
final class WireCodec {
    private WireCodec() {}

    static final class Decoder extends ByteToMessageDecoder {
        @Override
        protected void decode(ChannelHandlerContext ctx, ByteBuf in, List<Object> out) {
            if (in.readableBytes() < WireFrame.HEADER_BYTES) {
                return;
            }
            long length = in.getUnsignedIntLE(in.readerIndex());
            if (length > WireFrame.MAX_PAYLOAD) {
                throw new CorruptedFrameException(
                        "link frame of " + length + " bytes exceeds the limit of " + WireFrame.MAX_PAYLOAD + " bytes");
            }
            if (in.readableBytes() < WireFrame.HEADER_BYTES + length) {
                return;
            }
            in.skipBytes(4);
            int kind = in.readUnsignedByte();
            int flags = in.readUnsignedByte();
            int age = in.readUnsignedShortLE();
            int a = in.readIntLE();
            int b = in.readIntLE();
            byte[] payload = length == 0 ? WireFrame.EMPTY : new byte[(int) length];
            in.readBytes(payload);
            out.add(new WireFrame(kind, flags, age, a, b, payload));
        }
    }

    static final class Encoder extends ChannelOutboundHandlerAdapter {
        @Override
        public void write(ChannelHandlerContext ctx, Object msg, ChannelPromise promise) {
            if (msg instanceof ByteBuf rest) {
                ctx.write(rest, promise);
                return;
            }
            WireFrame f = (WireFrame) msg;
            ByteBuf out = ctx.alloc().buffer(WireFrame.HEADER_BYTES + f.payload().length);
            out.writeIntLE(f.payload().length).writeByte(f.kind()).writeByte(f.flags());
            out.writeShortLE(f.age()).writeIntLE(f.a()).writeIntLE(f.b()).writeBytes(f.payload());
            ctx.write(out, promise);
        }
    }
}
