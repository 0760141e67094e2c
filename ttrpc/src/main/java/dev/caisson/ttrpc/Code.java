package dev.caisson.ttrpc;

/** Status codes, numbered as gRPC's (google.rpc.Code). containerd's errdefs maps onto them one to one. */
public enum Code {
    OK,
    CANCELED,
    UNKNOWN,
    INVALID_ARGUMENT,
    DEADLINE_EXCEEDED,
    NOT_FOUND,
    ALREADY_EXISTS,
    PERMISSION_DENIED,
    RESOURCE_EXHAUSTED,
    FAILED_PRECONDITION,
    ABORTED,
    OUT_OF_RANGE,
    UNIMPLEMENTED,
    INTERNAL,
    UNAVAILABLE,
    DATA_LOSS,
    UNAUTHENTICATED;

    private static final Code[] BY_NUMBER = values();

    /** The number on the wire, 0 to 16: the order of declaration. */
    @SuppressWarnings("EnumOrdinal") // the constants are declared in the order of google.rpc.Code's numbers
    public int number() {
        return ordinal();
    }

    /** The code of a number; numbers outside 0 to 16 are {@link #UNKNOWN}, as in gRPC. */
    public static Code of(int number) {
        return number >= 0 && number < BY_NUMBER.length ? BY_NUMBER[number] : UNKNOWN;
    }
}
