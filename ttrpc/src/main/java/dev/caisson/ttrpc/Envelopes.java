package dev.caisson.ttrpc;

import com.google.protobuf.ByteString;
import com.google.protobuf.CodedInputStream;
import com.google.protobuf.UnsafeByteOperations;
import dev.caisson.ttrpc.proto.envelope.Request;
import dev.caisson.ttrpc.proto.envelope.Response;
import dev.caisson.ttrpc.wire.FrameHeader;
import java.io.IOException;

/** Request and Response envelopes, without copying the payload inside more often than needed. */
final class Envelopes {
    private Envelopes() {}

    static Request parseRequest(byte[] payload) throws IOException {
        return Request.parseFrom(aliasing(payload));
    }

    static Response parseResponse(byte[] payload) throws IOException {
        return Response.parseFrom(aliasing(payload));
    }

    /** The inner payload becomes a view of the frame, which nobody changes. */
    private static CodedInputStream aliasing(byte[] payload) {
        CodedInputStream in = UnsafeByteOperations.unsafeWrap(payload).newCodedInput();
        in.enableAliasing(true);
        return in;
    }

    /**
     * A successful response.
     *
     * @throws TtrpcException {@link Code#RESOURCE_EXHAUSTED} if it does not fit a frame
     */
    static byte[] success(ByteString payload) {
        Response response = Response.newBuilder().setPayload(payload).build();
        checkSize("response", response.getSerializedSize());
        return response.toByteArray();
    }

    static byte[] failure(TtrpcException reason) {
        Response response = Response.newBuilder().setStatus(reason.toStatus()).build();
        if (response.getSerializedSize() > FrameHeader.MAX_PAYLOAD) {
            String text = "status of " + response.getSerializedSize() + " bytes exceeds the frame limit";
            return failure(new TtrpcException(reason.code(), text));
        }
        return response.toByteArray();
    }

    static void checkSize(String what, long size) {
        if (size > FrameHeader.MAX_PAYLOAD) {
            throw new TtrpcException(
                    Code.RESOURCE_EXHAUSTED,
                    what + " of " + size + " bytes exceeds the frame limit of " + FrameHeader.MAX_PAYLOAD + " bytes");
        }
    }
}
