package dev.caisson.trap.mounts;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A line of /proc/PID/mountinfo (proc_pid_mountinfo(5)).
 *
 * @param id of the mount
 * @param parent id of the one that it is on
 * @param device number of its file system, as text
 * @param root which part of the file system it shows
 * @param point where, as the reader sees it
 * @param attributes MOUNT_ATTR_RDONLY and the like
 */
public record MountInfo(int id, int parent, String device, String root, String point, int attributes) {
    public static final int RDONLY = 1;
    public static final int NOSUID = 2;
    public static final int NODEV = 4;
    public static final int NOEXEC = 8;
    public static final int NOSYMFOLLOW = 0x20_0000;

    /** All lines, by id, in their order; what is no line is left out. */
    public static Map<Integer, MountInfo> parse(String text) {
        Map<Integer, MountInfo> all = new LinkedHashMap<>();
        for (String line : text.split("\n", -1)) {
            String[] f = line.split(" ", 7);
            if (f.length == 7 && isNumber(f[0]) && isNumber(f[1])) {
                int id = Integer.parseInt(f[0]);
                all.put(
                        id,
                        new MountInfo(
                                id, Integer.parseInt(f[1]), f[2], unescaped(f[3]), unescaped(f[4]), attributes(f[5])));
            }
        }
        return all;
    }

    /** Whether a path is this mount's point or below it. */
    public boolean covers(String path) {
        return isWithin(path, point);
    }

    /** Whether a path is another one or below that. */
    public static boolean isWithin(String path, String top) {
        return top.equals("/")
                || (path.startsWith(top) && (path.length() == top.length() || path.charAt(top.length()) == '/'));
    }

    /** A path below another one, from there: empty, or with a slash first. */
    public static String below(String path, String top) {
        return top.equals("/") ? (path.equals("/") ? "" : path) : path.substring(top.length());
    }

    /** The file system's number as stat(2) has it; -1 for none. */
    public long deviceNumber() {
        String[] numbers = device.split(":", -1);
        if (numbers.length != 2 || !isNumber(numbers[0]) || !isNumber(numbers[1])) {
            return -1;
        }
        long minor = Long.parseLong(numbers[1]);
        return Long.parseLong(numbers[0]) << 8 | (minor & 0xff) | (minor & ~0xffL) << 12;
    }

    private static boolean isNumber(String text) {
        return !text.isEmpty() && text.length() < 10 && text.chars().allMatch(c -> c >= '0' && c <= '9');
    }

    private static int attributes(String options) {
        int all = 0;
        for (String option : options.split(",", -1)) {
            all |= switch (option) {
                case "ro" -> RDONLY;
                case "nosuid" -> NOSUID;
                case "nodev" -> NODEV;
                case "noexec" -> NOEXEC;
                case "nosymfollow" -> NOSYMFOLLOW;
                default -> 0;
            };
        }
        return all;
    }

    /** Space, tab, newline and backslash are octal there. */
    static String unescaped(String text) {
        if (text.indexOf('\\') < 0) {
            return text;
        }
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < text.length(); i++) {
            if (text.charAt(i) == '\\'
                    && i + 3 < text.length()
                    && text.substring(i + 1, i + 4).matches("[0-3][0-7]{2}")) {
                out.append((char) Integer.parseInt(text.substring(i + 1, i + 4), 8));
                i += 3;
            } else {
                out.append(text.charAt(i));
            }
        }
        return out.toString();
    }
}
