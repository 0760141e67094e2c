package dev.caisson.tests.support;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadInfo;
import java.lang.reflect.Method;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.InvocationInterceptor;
import org.junit.jupiter.api.extension.ReflectiveInvocationContext;

/**
 * Interrupts a test that takes longer than {@code -Dcaisson.test.seconds} (180), after printing every thread of this JVM
 * and the tail of containerd's log: what hangs here is mostly another process. A test that does not heed that within a minute
 * ends its JVM, so that the step fails with this output and the next ones run.
 */
public final class Watchdog implements InvocationInterceptor {
    private static final Duration LIMIT = Duration.ofSeconds(Integer.getInteger("caisson.test.seconds", 180));
    private static final Duration HEED = Duration.ofSeconds(60);

    @Override
    public void interceptTestMethod(
            Invocation<@Nullable Void> invocation,
            ReflectiveInvocationContext<Method> invocationContext,
            ExtensionContext context)
            throws Throwable {
        guard(invocation, context);
    }

    @Override
    public void interceptTestTemplateMethod(
            Invocation<@Nullable Void> invocation,
            ReflectiveInvocationContext<Method> invocationContext,
            ExtensionContext context)
            throws Throwable {
        guard(invocation, context);
    }

    private static void guard(Invocation<@Nullable Void> invocation, ExtensionContext context) throws Throwable {
        Thread test = Thread.currentThread();
        CountDownLatch done = new CountDownLatch(1);
        Thread watch = Thread.ofPlatform().daemon().name("watchdog").start(() -> {
            try {
                if (!done.await(LIMIT.toMillis(), TimeUnit.MILLISECONDS)) {
                    report(context, LIMIT);
                    test.interrupt();
                    if (!done.await(HEED.toMillis(), TimeUnit.MILLISECONDS)) {
                        report(context, LIMIT.plus(HEED));
                        Runtime.getRuntime().halt(70); // EX_SOFTWARE of sysexits.h
                    }
                }
            } catch (InterruptedException ended) {
                Thread.currentThread().interrupt();
            }
        });
        try {
            invocation.proceed();
        } finally {
            done.countDown();
            watch.interrupt();
        }
    }

    private static void report(ExtensionContext context, Duration limit) {
        StringBuilder text = new StringBuilder("no end within " + limit.toSeconds() + " s: "
                + context.getRequiredTestClass().getSimpleName() + " " + context.getDisplayName() + "\n");
        for (ThreadInfo thread : ManagementFactory.getThreadMXBean().dumpAllThreads(true, true)) {
            text.append(thread);
        }
        if (context.getRequiredTestInstance() instanceof LeakCheck.Watched watched) {
            text.append(watched.bed().logTail(60));
        }
        System.out.println(text);
    }
}
