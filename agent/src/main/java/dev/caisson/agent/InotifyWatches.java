package dev.caisson.agent;

import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.MountInfo;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** In which file systems of this machine somebody watches something by inotify(7), as /proc says. Devices are the kernel's numbers: {@code major << 20 | minor}. */
final class InotifyWatches {
    private static final int INFO_LIMIT = 256 << 10;
    private static final String LINE = "inotify ";
    private static final String DEVICE = " sdev:";
    private static final int HEXADECIMAL = 16;
    private static final int MINOR_BITS = 20;

    private InotifyWatches() {}

    /** The device of a file, as this class numbers it. */
    static long device(int major, int minor) {
        return (long) major << MINOR_BITS | minor;
    }

    /** The file systems of a type that are mounted. */
    static Set<Long> fileSystems(String type) throws ErrnoException {
        Set<Long> devices = new HashSet<>();
        for (MountInfo each : MountInfo.parse(HostFiles.text("/proc/self/mountinfo"))) {
            if (each.type().equals(type)) {
                int colon = each.device().indexOf(':');
                devices.add(device(
                        Integer.parseInt(each.device().substring(0, colon)),
                        Integer.parseInt(each.device().substring(colon + 1))));
            }
        }
        return devices;
    }

    /** The file systems in which any process watches anything. */
    static Set<Long> devices() throws ErrnoException {
        Set<Long> devices = new HashSet<>();
        for (String process : names("/proc")) {
            if (!process.chars().allMatch(c -> c >= '0' && c <= '9')) {
                continue;
            }
            for (String fd : names("/proc/" + process + "/fd")) {
                if (isInotify("/proc/" + process + "/fd/" + fd)) {
                    parse(info("/proc/" + process + "/fdinfo/" + fd), devices);
                }
            }
        }
        return devices;
    }

    private static List<String> names(String directory) {
        List<String> names = new ArrayList<>();
        try {
            List<HostFiles.Entry> entries = HostFiles.listIfPresent(directory);
            if (entries != null) {
                entries.forEach(each -> names.add(each.name()));
            }
        } catch (ErrnoException e) {
            // Its process has ended while it was read.
            names.clear();
        }
        return names;
    }

    private static boolean isInotify(String fd) {
        try {
            return HostFiles.readlink(fd).equals("anon_inode:inotify");
        } catch (ErrnoException e) {
            // Closed in the meantime.
            return false;
        }
    }

    private static String info(String file) {
        try {
            byte[] text = HostFiles.readIfPresent(file, INFO_LIMIT);
            return text == null ? "" : new String(text, StandardCharsets.US_ASCII);
        } catch (ErrnoException e) {
            return "";
        }
    }

    /** Takes the devices out of lines like {@code inotify wd:1 ino:2 sdev:2d mask:...} (proc_pid_fdinfo(5)). */
    static void parse(String info, Set<Long> to) {
        for (String line : info.lines().toList()) {
            int at = line.indexOf(DEVICE);
            if (line.startsWith(LINE) && at > 0) {
                int from = at + DEVICE.length();
                int end = line.indexOf(' ', from);
                String hex = line.substring(from, end < 0 ? line.length() : end);
                to.add(Long.parseLong(hex, HEXADECIMAL));
            }
        }
    }
}
