package dev.caisson.tests.backends;

import dev.caisson.oci.Seccomp;
import dev.caisson.oci.SeccompAction;
import dev.caisson.oci.SeccompArch;
import java.util.List;

/** Profiles that allow everything but a few calls. */
final class SeccompProfiles {
    private SeccompProfiles() {}

    /** With ERRNO the calls fail with EPERM. */
    static Seccomp of(SeccompAction action, String... names) {
        return new Seccomp(
                SeccompAction.ALLOW,
                null,
                List.of(SeccompArch.X86_64),
                null,
                null,
                null,
                List.of(new Seccomp.Rule(List.of(names), action, action == SeccompAction.ERRNO ? 1 : null, List.of())));
    }
}
