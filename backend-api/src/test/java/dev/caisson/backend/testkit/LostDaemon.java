package dev.caisson.backend.testkit;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.Launch;
import dev.caisson.backend.Launcher;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;

/** The hands of a daemon that is lost once it has asked for a launch: it learns nothing of it any more, and does nothing about it. */
final class LostDaemon {
    private LostDaemon() {}

    static Launcher of(Launcher launcher) {
        return (Launcher) Proxy.newProxyInstance(
                LostDaemon.class.getClassLoader(), new Class<?>[] {Launcher.class}, (proxy, method, args) -> {
                    Object result = invoke(method, launcher, args);
                    return method.getName().equals("spawn") ? lost((Launch) result) : result;
                });
    }

    private static Launch lost(Launch launch) {
        return (Launch) Proxy.newProxyInstance(
                LostDaemon.class.getClassLoader(),
                new Class<?>[] {Launch.class},
                (proxy, method, args) -> switch (method.getName()) {
                    case "awaitNote", "awaitLaunched", "awaitLaunchedOr" ->
                        throw new ContainerFault(ContainerFault.Kind.UNAVAILABLE, "the daemon is lost");
                    case "kill", "gate", "forget" -> null;
                    default -> invoke(method, launch, args);
                });
    }

    private static Object invoke(Method method, Object target, Object[] args) throws Throwable {
        try {
            return method.invoke(target, args);
        } catch (InvocationTargetException e) {
            throw e.getCause();
        }
    }
}
