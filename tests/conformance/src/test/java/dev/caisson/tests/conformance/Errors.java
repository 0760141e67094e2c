package dev.caisson.tests.conformance;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.tests.support.RuntimeUnderTest;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;

/** What a refused call must look like. */
final class Errors {
    private Errors() {}

    /** The code of a call that the task's state does not allow; containerd's runc shim has none of its own for it. */
    static Status.Code wrongState(RuntimeUnderTest runtime) {
        return runtime.isSubject() ? Status.Code.FAILED_PRECONDITION : Status.Code.UNKNOWN;
    }

    /** The call fails with {@code code} and a text that contains every one of {@code words}. */
    static void assertRefused(Status.Code code, ThrowingCallable call, String... words) {
        assertThatThrownBy(call).isInstanceOfSatisfying(StatusRuntimeException.class, e -> {
            if (e.getStatus().getCode() != code) {
                throw new AssertionError("expected " + code + " but was " + e.getStatus(), e);
            }
            for (String word : words) {
                if (!String.valueOf(e.getStatus().getDescription()).contains(word)) {
                    throw new AssertionError("expected \"" + word + "\" in: " + e.getStatus(), e);
                }
            }
        });
    }
}
