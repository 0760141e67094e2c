package dev.caisson.namespace.plan;

import static dev.caisson.namespace.plan.Kernel.*;
import static dev.caisson.namespace.plan.Steps.c;

import dev.caisson.linux.plan.Arg;
import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.linux.plan.Sys;
import dev.caisson.oci.Linux;
import dev.caisson.oci.Spec;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/** What is set in the container's namespaces from inside: the loopback device, the names, sysctls. */
final class SettingSteps {
    private final Steps s;
    private final PlanBuilder p;
    private final @Nullable String hostname;
    private final @Nullable String domainname;
    private final Linux linux;

    SettingSteps(Steps s, Spec spec) {
        this.s = s;
        this.p = s.p;
        this.hostname = spec.hostname();
        this.domainname = spec.domainname();
        this.linux = spec.linux();
    }

    /** Brings lo up in a new network namespace (netdevice(7)). */
    void loopback() {
        byte[] ifreq = new byte[40];
        ifreq[0] = 'l';
        ifreq[1] = 'o';
        ifreq[16] = IFF_UP | IFF_RUNNING;
        Arg.Slot fd = p.slot();
        p.callInto(
                fd, "open socket in new network namespace", Sys.SOCKET, c(AF_INET), c(SOCK_DGRAM | SOCK_CLOEXEC), c(0));
        p.call("bring lo up", Sys.IOCTL, fd, c(SIOCSIFFLAGS), p.bytes(ifreq));
        p.attempt(Sys.CLOSE, fd);
    }

    void names() {
        if (hostname != null && !hostname.isEmpty()) {
            String name = hostname;
            p.call("set hostname to " + name, Sys.SETHOSTNAME, p.string(name), c(utf8(name)));
        }
        if (domainname != null && !domainname.isEmpty()) {
            String name = domainname;
            p.call("set domainname to " + name, Sys.SETDOMAINNAME, p.string(name), c(utf8(name)));
        }
    }

    /**
     * Sysctls, through the host's /proc opened before the rootfs was entered: a /proc that the image brought along cannot divert
     * them (CVE-2019-16884, CVE-2025-52881). The kernel resolves net, ipc and uts entries by the writer's namespaces.
     */
    void sysctls(Arg.Slot procfs) {
        Arg.Slot fd = p.slot();
        linux.sysctl().forEach((name, value) -> {
            String path = "sys/" + (name.contains("/") ? name : name.replace('.', '/'));
            p.callInto(
                    fd,
                    "open sysctl " + name,
                    Sys.OPENAT2,
                    procfs,
                    p.string(path),
                    s.how(O_WRONLY | O_CLOEXEC, RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS),
                    c(24));
            p.call("set sysctl " + name + " to " + value, Sys.WRITE, fd, p.string(value), c(utf8(value)));
            p.attempt(Sys.CLOSE, fd);
        });
    }

    private static int utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8).length;
    }
}
