package dev.caisson.tests.callers;

import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.OciRuntime;
import dev.caisson.tests.support.RuntimeUnderTest.Kind;
import dev.caisson.tests.support.Skip;
import dev.caisson.tests.support.Watchdog;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/** Tests of one caller, once with runc and once with the subject. */
@ParameterizedClass(name = "{0}", allowZeroInvocations = true)
@MethodSource("runtimes")
@ExtendWith(Watchdog.class)
abstract class CallerSuite {
    static final Duration SOON = Duration.ofSeconds(30);

    /** Which runtime this run is for. */
    @Parameter
    @SuppressWarnings("NullAway.Init") // injected by JUnit before any test method
    OciRuntime runtime;

    static List<OciRuntime> runtimes() {
        return OciRuntime.available().stream()
                .filter(runtime -> !runtime.is(Kind.CRUN))
                .toList();
    }

    /** Skips when a program of the caller is missing. */
    static void need(String what, String... programs) {
        for (String program : programs) {
            Skip.unless(Command.find(program).isPresent(), what, "the program " + program);
        }
    }
}
