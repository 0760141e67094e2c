package dev.caisson.trap.proc;

import java.util.ArrayList;
import java.util.List;

/** The texts of /proc/PID/mounts and mountinfo (proc_pid_mountinfo(5)) without what they tell of the host. Pure. */
final class MountText {
    private static final List<String> HOST_OPTIONS = List.of("lowerdir", "upperdir", "workdir", "uuid", "redirect_dir");

    private MountText() {}

    static String withoutHost(String file, String text) {
        StringBuilder out = new StringBuilder();
        for (String line : text.split("\n", -1)) {
            if (!line.isEmpty()) {
                out.append(
                                file.equals("mountinfo")
                                        ? mountInfo(line)
                                        : file.equals("mounts") ? mount(line) : stats(line))
                        .append('\n');
            }
        }
        return out.toString();
    }

    /** {@code id parent dev root mountpoint options [tags] - type source superoptions}. */
    private static String mountInfo(String line) {
        String[] halves = line.split(" - ", 2);
        String[] f = halves[0].split(" ", -1);
        if (halves.length < 2 || f.length < 6) {
            return "";
        }
        f[3] = "/";
        String[] s = halves[1].split(" ", -1);
        if (s.length > 1) {
            s[1] = source(s[0], s[1]);
        }
        if (s.length > 2) {
            s[2] = options(s[2]);
        }
        return String.join(" ", f) + " - " + String.join(" ", s);
    }

    private static String mount(String line) {
        String[] f = line.split(" ", -1);
        if (f.length < 4) {
            return "";
        }
        f[0] = source(f[2], f[0]);
        f[3] = options(f[3]);
        return String.join(" ", f);
    }

    /** {@code device X mounted on Y with fstype Z}. */
    private static String stats(String line) {
        return line.replaceFirst("^device \\S+", "device none");
    }

    private static String source(String type, String source) {
        return source.startsWith("/") ? type : source;
    }

    private static String options(String text) {
        List<String> kept = new ArrayList<>();
        for (String option : text.split(",", -1)) {
            int eq = option.indexOf('=');
            if (!HOST_OPTIONS.contains(eq < 0 ? option : option.substring(0, eq))) {
                kept.add(option);
            }
        }
        return String.join(",", kept);
    }
}
