package dev.caisson.daemon;

import dev.caisson.backend.HostCheck;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Processes;
import dev.caisson.linux.cgroup.CgroupException;
import dev.caisson.linux.cgroup.CgroupHierarchy;
import dev.caisson.linux.cgroup.CgroupLayout;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ServiceLoader;

/** Looks at the host and tells in plain words what works here. */
final class Doctor {
    /** @param usable whether the namespace backend can run containers */
    record Report(String text, boolean usable) {}

    private final StringBuilder text = new StringBuilder();
    private boolean usable = true;

    static Report examine() {
        Doctor d = new Doctor();
        d.kernel();
        d.privileges();
        d.cgroups();
        d.security();
        d.walls();
        return new Report(d.text.toString(), d.usable);
    }

    private void line(String mark, String what, String found) {
        text.append(mark).append("  ").append(what);
        text.append(" ".repeat(Math.max(1, 26 - what.length()))).append(found).append('\n');
    }

    private static String read(String path) {
        try {
            return Files.readString(Path.of(path)).strip();
        } catch (IOException e) {
            return "";
        }
    }

    private void kernel() {
        String release = read("/proc/sys/kernel/osrelease");
        int dot = release.indexOf('.');
        int end = dot + 1;
        while (end < release.length() && Character.isDigit(release.charAt(end))) {
            end++;
        }
        boolean enough = false;
        if (dot > 0 && end > dot + 1) {
            int major = Integer.parseInt(release.substring(0, dot));
            int minor = Integer.parseInt(release.substring(dot + 1, end));
            enough = major > 5 || (major == 5 && minor >= 12);
        }
        usable &= enough;
        line(enough ? "ok" : "NO", "kernel", release + (enough ? "" : ": 5.12 or newer is needed (mount_setattr)"));
    }

    private void privileges() {
        boolean root = Processes.effectiveUid() == 0;
        line(root ? "ok" : "--", "user", root ? "root" : "not root: only containers with a user namespace");
    }

    private void cgroups() {
        try {
            CgroupLayout layout = CgroupLayout.detect();
            StringBuilder found =
                    new StringBuilder(layout.mode().name().toLowerCase(java.util.Locale.ROOT)).append(':');
            for (CgroupHierarchy h : layout.hierarchies()) {
                found.append(' ').append(String.join(",", h.controllers())).append(h.unified() ? "(v2)" : "");
            }
            line("ok", "cgroups", found.toString());
        } catch (ErrnoException | CgroupException e) {
            usable = false;
            line("NO", "cgroups", String.valueOf(e.getMessage()));
        }
    }

    private void security() {
        boolean seccomp = read("/proc/sys/kernel/seccomp/actions_avail").contains("errno");
        line(
                seccomp ? "ok" : "--",
                "seccomp",
                seccomp ? read("/proc/sys/kernel/seccomp/actions_avail") : "not in this kernel");
        boolean apparmor = read("/sys/module/apparmor/parameters/enabled").startsWith("Y");
        line(apparmor ? "ok" : "--", "AppArmor", apparmor ? "enabled" : "not enabled: profiles are refused");
        boolean selinux = Files.isDirectory(Path.of("/sys/fs/selinux"));
        line(selinux ? "ok" : "--", "SELinux", selinux ? "enabled" : "not enabled: labels are refused");
        String users = read("/proc/sys/user/max_user_namespaces");
        line(
                users.equals("0") ? "--" : "ok",
                "user namespaces",
                users.equals("0") ? "switched off" : "at most " + users);
    }

    /** Of the other walls' hosts; none of them is needed. */
    private void walls() {
        for (HostCheck check : ServiceLoader.load(HostCheck.class)) {
            HostCheck.Finding found = check.examine();
            line(found.usable() ? "ok" : "--", check.backend() + " hosts", found.text());
        }
    }
}
