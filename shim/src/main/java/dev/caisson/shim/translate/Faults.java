package dev.caisson.shim.translate;

import dev.caisson.backend.ContainerFault;
import dev.caisson.ttrpc.Code;
import dev.caisson.ttrpc.TtrpcException;

/** The one place where faults become ttrpc codes (containerd's errdefs). */
public final class Faults {
    private Faults() {}

    public static TtrpcException toStatus(ContainerFault fault) {
        Code code = switch (fault.kind()) {
            case INVALID -> Code.INVALID_ARGUMENT;
            case NOT_FOUND -> Code.NOT_FOUND;
            case ALREADY_EXISTS -> Code.ALREADY_EXISTS;
            case WRONG_STATE -> Code.FAILED_PRECONDITION;
            case UNSUPPORTED -> Code.UNIMPLEMENTED;
            case FAILED -> Code.UNKNOWN;
            case UNAVAILABLE -> Code.UNAVAILABLE;
        };
        return new TtrpcException(code, String.valueOf(fault.getMessage()), fault);
    }
}
