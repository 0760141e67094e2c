package dev.caisson.daemon;

import dev.caisson.linux.Errno;
import dev.caisson.shim.link.CommandCall;
import dev.caisson.shim.pod.Pod;
import dev.caisson.shim.pod.PodRegistry;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/** What {@code caisson} does besides the OCI command line: looking at the daemon and at the host. */
final class DaemonCommands {
    private static final String USAGE = """
            usage: caisson COMMAND

              doctor          what this host can do, and what is missing
              daemon status   pods and containers that caissond serves
              daemon leave    caissond ends; running pods go on, the next command starts another one

            The state directory is $CAISSON_STATE_DIR, or /run/caisson.
            """;

    private DaemonCommands() {}

    /** Whether it is one of these, and none of the OCI command line. */
    static boolean isOne(CommandCall call) {
        return call.argv().size() > 1
                && (call.argv().get(1).equals("daemon") || call.argv().get(1).equals("doctor"));
    }

    static void run(CommandCall call, PodRegistry pods, Options options) {
        String command = String.join(" ", call.argv().subList(1, call.argv().size()));
        switch (command) {
            case "daemon status" -> {
                try {
                    out(call, status(pods, options));
                    call.end(0);
                } catch (IOException e) {
                    call.err("caisson: read records of pods: " + Errno.describe(e));
                    call.end(1);
                }
            }
            case "doctor" -> {
                Doctor.Report report = Doctor.examine();
                out(call, report.text());
                call.end(report.usable() ? 0 : 1);
            }
            default -> {
                call.errText(USAGE);
                call.end(3);
            }
        }
    }

    private static void out(CommandCall call, String text) {
        call.out(text.getBytes(StandardCharsets.UTF_8));
    }

    private static String status(PodRegistry pods, Options options) throws IOException {
        StringBuilder text = new StringBuilder();
        text.append("caissond ")
                .append(Version.TEXT)
                .append(", pid ")
                .append(ProcessHandle.current().pid());
        text.append(", state ").append(options.stateDirectory()).append('\n');
        for (Pod pod : pods.pods()) {
            text.append(pod.info().namespace())
                    .append('/')
                    .append(pod.info().group())
                    .append("  monitor ");
            var link = pod.link();
            text.append(link == null ? "gone" : Integer.toString(link.monitorPid()));
            text.append("  containers: ")
                    .append(String.join(" ", pod.content().ids()))
                    .append('\n');
        }
        return text.toString();
    }
}
