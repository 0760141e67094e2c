package dev.caisson.oci;

import org.jspecify.annotations.Nullable;

/** The rules for {@code linux.seccomp}. */
final class SeccompRules {
    private SeccompRules() {}

    static void check(Findings f, String path, Seccomp s) {
        if (s.defaultAction() == SeccompAction.NOTIFY) {
            // The process that would answer could not even receive the descriptor.
            f.error(path + ".defaultAction", "SCMP_ACT_NOTIFY cannot be the default");
        }
        errno(f, path + ".defaultErrnoRet", s.defaultAction(), s.defaultErrnoRet());
        boolean notify = false;
        for (int i = 0; i < s.syscalls().size(); i++) {
            Seccomp.Rule rule = s.syscalls().get(i);
            String at = Findings.at(path + ".syscalls", i);
            if (rule.names().isEmpty()) {
                f.error(at + ".names", "must have at least one element");
            }
            errno(f, at + ".errnoRet", rule.action(), rule.errnoRet());
            if (rule.action() == SeccompAction.NOTIFY) {
                notify = true;
                int write = rule.names().indexOf("write");
                if (write >= 0) {
                    // The runtime writes before execve(2), and the agent would be asked about its own answers.
                    f.error(Findings.at(at + ".names", write), "SCMP_ACT_NOTIFY cannot be used for write");
                }
            }
        }
        if (notify && s.listenerPath() == null) {
            f.error(path + ".listenerPath", "missing, but SCMP_ACT_NOTIFY is used");
        }
        if (s.listenerPath() == null && s.listenerMetadata() != null) {
            f.error(path + ".listenerMetadata", "cannot be set without listenerPath");
        }
        if (s.listenerPath() != null && !s.listenerPath().startsWith("/")) {
            f.error(path + ".listenerPath", Text.quote(s.listenerPath()) + " is not an absolute path");
        }
        if (s.flags() != null && s.flags().contains(SeccompFlag.WAIT_KILLABLE_RECV) && !notify) {
            f.warn(path + ".flags", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV goes with SCMP_ACT_NOTIFY only, ignored");
        }
    }

    private static void errno(Findings f, String path, SeccompAction action, @Nullable Integer errno) {
        if (errno == null) {
            return;
        }
        if (action == SeccompAction.ERRNO) {
            // MAX_ERRNO: the kernel cuts larger ones to it.
            if (errno > 4095) {
                f.error(path, errno + " is not an errno");
            }
        } else if (action != SeccompAction.TRACE) {
            f.error(path, action.wire() + " takes no errno");
        }
    }
}
