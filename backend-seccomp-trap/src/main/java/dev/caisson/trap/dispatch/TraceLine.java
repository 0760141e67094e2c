package dev.caisson.trap.dispatch;

import dev.caisson.linux.Errno;
import dev.caisson.trap.filter.CallTable;
import dev.caisson.trap.filter.SystemCall;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Words for one answered call. Pure. */
final class TraceLine {
    /**
     * What the arguments of a call are, a letter each: {@code d} a directory's descriptor, {@code p} a path, {@code m} a mode, {@code x}
     * a pointer or flags, {@code i} a number. Of others three are shown as they are.
     */
    private static final Map<String, String> SHAPES = shapes();

    private static final String OTHER = "xxx";
    private static final SystemCall[] BY_NUMBER = byNumber();
    private static final int AT_FDCWD = -100;
    private static final int MAX_ERRNO = 4095;

    private TraceLine() {}

    private static Map<String, String> shapes() {
        Map<String, String> all = new HashMap<>();
        String text =
                "open pxm openat dpxm openat2 dpxi creat pm stat px lstat px newfstatat dpxx statx dpxxx fstat ix access pi faccessat dpi"
                        + " faccessat2 dpix readlink pxi readlinkat dpxi statfs px fstatfs ix getcwd xi getdents ixi getdents64 ixi mkdir pm mkdirat dpm"
                        + " mknod pmx mknodat dpmx rmdir p unlink p unlinkat dpx rename pp renameat dpdp renameat2 dpdpx link pp linkat dpdpx symlink pp"
                        + " symlinkat pdp truncate pi chmod pm fchmodat dpm fchmodat2 dpmx chown pii lchown pii fchownat dpiix utime px utimes px"
                        + " utimensat dpxx execve pxx chdir p inotify_add_watch ipx uname x sysinfo x socket iii";
        String[] words = text.split(" ", -1);
        for (int i = 0; i < words.length; i += 2) {
            all.put(words[i], words[i + 1]);
        }
        return all;
    }

    private static SystemCall[] byNumber() {
        SystemCall[] all = new SystemCall[CallTable.calls().getLast().number() + 1];
        CallTable.calls().forEach(call -> all[call.number()] = call);
        return all;
    }

    static String name(int number) {
        SystemCall call = call(number);
        return call == null ? "syscall_" + number : call.name();
    }

    private static @Nullable SystemCall call(int number) {
        return number >= 0 && number < BY_NUMBER.length ? BY_NUMBER[number] : null;
    }

    /** Which part of this process answered, as the table names it. */
    private static String handler(int number) {
        SystemCall call = call(number);
        String handler = call == null ? null : call.handler();
        return handler == null ? "-" : handler;
    }

    private static String arguments(int number, long[] arguments, List<String> paths, boolean json) {
        String shape = SHAPES.getOrDefault(name(number), OTHER);
        StringBuilder text = new StringBuilder();
        int path = 0;
        for (int i = 0; i < shape.length(); i++) {
            String word = switch (shape.charAt(i)) {
                case 'd' -> (int) arguments[i] == AT_FDCWD ? "AT_FDCWD" : Integer.toString((int) arguments[i]);
                case 'p' -> path < paths.size() ? quoted(paths.get(path++)) : hex(arguments[i]);
                case 'm' -> "0" + Integer.toOctalString((int) arguments[i]);
                case 'i' -> Integer.toString((int) arguments[i]);
                default -> hex(arguments[i]);
            };
            text.append(i == 0 ? "" : json ? "," : ", ");
            text.append(json && word.charAt(0) != '"' ? "\"" + word + "\"" : word);
        }
        return text.toString();
    }

    private static String hex(long value) {
        return "0x" + Long.toHexString(value);
    }

    /** As JSON and C both read it. Bytes that are not ASCII are ISO 8859-1 here. */
    static String quoted(String text) {
        StringBuilder out = new StringBuilder("\"");
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') {
                out.append('\\').append(c);
            } else if (c < ' ' || c > '~') {
                out.append(String.format(Locale.ROOT, "\\u%04x", (int) c));
            } else {
                out.append(c);
            }
        }
        return out.append('"').toString();
    }

    private static String result(long result) {
        if (result == GuestCall.PROCEED || result == GuestCall.ANSWERED) {
            return "?";
        }
        return result < 0 && result >= -MAX_ERRNO
                ? "-1 " + Errno.of((int) -result).name()
                : Long.toString(result);
    }

    private static String verdict(long result, boolean isRefused) {
        return isRefused
                ? "refused"
                : result == GuestCall.PROCEED ? "continued" : result == GuestCall.ANSWERED ? "waiting" : "answered";
    }

    /** Who did it: the host's kernel in the container's own namespaces, or a handler here. */
    private static String layer(int number, long result, boolean isRefused) {
        return isRefused ? "policy" : result == GuestCall.PROCEED ? "host kernel" : handler(number);
    }

    /**
     * One line, with its end.
     *
     * @param millis wall clock
     * @param isRefused by the container's policy
     * @param nanos time spent on it
     */
    static String of(
            boolean json,
            long millis,
            Caller caller,
            int number,
            long[] arguments,
            List<String> paths,
            long result,
            boolean isRefused,
            long nanos) {
        double seconds = nanos / 1e9;
        String args = arguments(number, arguments, paths, json);
        if (json) {
            StringBuilder text = new StringBuilder("{\"time\":");
            text.append(millis).append(",\"pid\":").append(caller.guestTgid());
            text.append(",\"tid\":").append(caller.guestTid());
            text.append(",\"call\":\"")
                    .append(name(number))
                    .append("\",\"arguments\":[")
                    .append(args)
                    .append(']');
            if (result >= 0) {
                text.append(",\"result\":").append(result);
            } else if (result >= -MAX_ERRNO) {
                text.append(",\"error\":\"")
                        .append(Errno.of((int) -result).name())
                        .append('"');
            }
            text.append(",\"verdict\":\"").append(verdict(result, isRefused));
            text.append("\",\"layer\":\"").append(layer(number, result, isRefused));
            return text.append(String.format(Locale.ROOT, "\",\"seconds\":%.6f}%n", seconds))
                    .toString();
        }
        return String.format(
                Locale.ROOT,
                "[pid %d] %s(%s) = %s <%.6f> %s by %s%n",
                caller.guestTid(),
                name(number),
                args,
                result(result),
                seconds,
                verdict(result, isRefused),
                layer(number, result, isRefused));
    }
}
