package dev.caisson.tests.support;

import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/** A test class that runs once per containerd of this machine, under leak check and watchdog; extend {@link Bed}. */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@Inherited
@ParameterizedClass(name = "{0}", allowZeroInvocations = true)
@MethodSource("dev.caisson.tests.support.Bed#builds")
@ExtendWith({Watchdog.class, LeakCheck.class})
public @interface ContainerdSuite {}
