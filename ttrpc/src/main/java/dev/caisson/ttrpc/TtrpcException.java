package dev.caisson.ttrpc;

import com.google.protobuf.Any;
import dev.caisson.ttrpc.proto.rpc.Status;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A call that ended with a status other than OK. Handlers throw it to choose the status of their answer; clients get it
 * with the status the peer sent, or one made locally ({@link Code#UNAVAILABLE} for a lost connection,
 * {@link Code#DEADLINE_EXCEEDED}, {@link Code#RESOURCE_EXHAUSTED} for an oversized message).
 */
public final class TtrpcException extends RuntimeException {
    private final Code code;
    private final transient List<Any> details;

    /** A status without details. */
    public TtrpcException(Code code, String message) {
        this(code, message, List.of());
    }

    /**
     * A status with details.
     *
     * @throws IllegalArgumentException if the code is {@link Code#OK}
     */
    public TtrpcException(Code code, String message, List<Any> details) {
        this(code, message, details, null);
    }

    /** A status with the failure behind it, which stays on this side of the connection. */
    public TtrpcException(Code code, String message, @Nullable Throwable cause) {
        this(code, message, List.of(), cause);
    }

    private TtrpcException(Code code, String message, List<Any> details, @Nullable Throwable cause) {
        super(message, cause);
        if (code == Code.OK) {
            throw new IllegalArgumentException("a failed call cannot have status OK");
        }
        this.code = code;
        this.details = List.copyOf(details);
    }

    /** The same status, thrown on another thread: that one's stack is added, the original becomes the cause. */
    TtrpcException(TtrpcException original) {
        this(original.code, messageOf(original), original.details, original);
    }

    private static String messageOf(TtrpcException e) {
        String message = e.getMessage();
        return message == null ? "" : message;
    }

    /** Never {@link Code#OK}. */
    public Code code() {
        return code;
    }

    /** Status details, usually empty. */
    public List<Any> details() {
        return details;
    }

    /** The status as it travels. */
    public Status toStatus() {
        return Status.newBuilder()
                .setCode(code.number())
                .setMessage(messageOf(this))
                .addAllDetails(details)
                .build();
    }

    /** The exception of a status whose code is not 0. */
    public static TtrpcException of(Status status) {
        return new TtrpcException(Code.of(status.getCode()), status.getMessage(), status.getDetailsList());
    }
}
