package dev.caisson.cli;

import dev.caisson.linux.Errno;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.StandardOpenOption;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.temporal.ChronoUnit;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Where a command's failure is said: one line on standard error, and one in the log if there is one, from which containerd and Docker take
 * their reason.
 *
 * @param log null for none
 * @param json whether the log's lines are JSON objects
 */
record ErrorReport(@Nullable String log, boolean json) {
    /** Read leniently, since what is to be reported may be that the arguments cannot be read. */
    static ErrorReport of(List<String> arguments) {
        String log = null;
        boolean json = false;
        for (int i = 0; i < arguments.size(); i++) {
            String arg = arguments.get(i);
            if (!arg.startsWith("-")) {
                break;
            }
            String name = arg.substring(arg.startsWith("--") ? 2 : 1);
            int eq = name.indexOf('=');
            String value = eq >= 0 ? name.substring(eq + 1) : i + 1 < arguments.size() ? arguments.get(i + 1) : "";
            name = eq >= 0 ? name.substring(0, eq) : name;
            switch (name) {
                case "log" -> log = value;
                case "log-format" -> json = value.equals("json");
                case "root", "rootless", "cgroup-manager", "criu" -> {
                    // its value is skipped too
                }
                default -> {
                    continue;
                }
            }
            if (eq < 0) {
                i++;
            }
        }
        return new ErrorReport(log == null || log.isEmpty() ? null : log, json);
    }

    void send(Invocation call, CallerFiles files, String message) {
        String line = line(message, OffsetDateTime.now(ZoneOffset.UTC));
        if (log == null) {
            call.err(json ? line : message);
            return;
        }
        try {
            Files.writeString(
                    files.here(log),
                    line + "\n",
                    StandardCharsets.UTF_8,
                    StandardOpenOption.CREATE,
                    StandardOpenOption.APPEND);
        } catch (IOException e) {
            System.getLogger(ErrorReport.class.getName())
                    .log(System.Logger.Level.WARNING, "append to " + log + ": " + Errno.describe(e));
        }
        call.err(message);
    }

    /** As logrus, runc's log library, writes an error. */
    String line(String message, OffsetDateTime now) {
        String time = now.truncatedTo(ChronoUnit.SECONDS).format(DateTimeFormatter.ISO_OFFSET_DATE_TIME);
        return json
                ? "{\"level\":\"error\",\"msg\":" + quoted(message) + ",\"time\":\"" + time + "\"}"
                : "time=\"" + time + "\" level=error msg=" + quoted(message);
    }

    /** A JSON string, which is also what Go's %q makes of the texts at hand. */
    static String quoted(String text) {
        StringBuilder out = new StringBuilder("\"");
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            switch (c) {
                case '"' -> out.append("\\\"");
                case '\\' -> out.append("\\\\");
                case '\n' -> out.append("\\n");
                case '\t' -> out.append("\\t");
                default -> {
                    if (c < 0x20) {
                        out.append(String.format("\\u%04x", (int) c));
                    } else {
                        out.append(c);
                    }
                }
            }
        }
        return out.append('"').toString();
    }
}
