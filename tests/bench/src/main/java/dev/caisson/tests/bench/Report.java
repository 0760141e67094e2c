package dev.caisson.tests.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/** The table on standard output and the same figures as JSON. */
final class Report {
    private Report() {}

    static String table(Samples samples) {
        StringBuilder text = new StringBuilder();
        text.append(String.format(
                Locale.ROOT,
                "%-46s %-14s %10s %10s %10s %4s %18s%n",
                "metric",
                "subject",
                "median",
                "p10",
                "p90",
                "n",
                "caisson / this"));
        for (String metric : samples.metrics()) {
            for (String subject : samples.subjects(metric)) {
                double median = samples.median(metric, subject);
                text.append(String.format(
                        Locale.ROOT,
                        "%-46s %-14s %10.2f %10.2f %10.2f %4d %18s%n",
                        metric,
                        subject,
                        median,
                        samples.quantile(metric, subject, 0.1),
                        samples.quantile(metric, subject, 0.9),
                        samples.of(metric, subject).size(),
                        ratioText(samples, metric, subject)));
            }
        }
        return text.toString();
    }

    private static String ratioText(Samples samples, String metric, String subject) {
        double ratio = ratio(samples, metric, subject);
        return subject.startsWith("caisson/") || Double.isNaN(ratio) ? "" : String.format(Locale.ROOT, "%.3f", ratio);
    }

    /** Caisson's median under the same containerd divided by this subject's; NaN when one of them is missing. */
    static double ratio(Samples samples, String metric, String subject) {
        String line = subject.substring(subject.indexOf('/'));
        double own = samples.median(metric, "caisson" + line);
        double theirs = samples.median(metric, subject);
        return theirs == 0 ? Double.NaN : own / theirs;
    }

    static void json(Samples samples, Path file) throws IOException {
        ObjectMapper mapper = new ObjectMapper();
        ObjectNode root = mapper.createObjectNode();
        root.put("kernel", System.getProperty("os.version"));
        root.put("processors", Runtime.getRuntime().availableProcessors());
        ArrayNode rows = root.putArray("rows");
        for (String metric : samples.metrics()) {
            for (String subject : samples.subjects(metric)) {
                ObjectNode row = rows.addObject();
                row.put("metric", metric).put("subject", subject);
                row.put("median", samples.median(metric, subject));
                row.put("p10", samples.quantile(metric, subject, 0.1));
                row.put("p90", samples.quantile(metric, subject, 0.9));
                double ratio = ratio(samples, metric, subject);
                if (!Double.isNaN(ratio)) {
                    row.put("caissonRatio", ratio);
                }
                ArrayNode all = row.putArray("samples");
                samples.of(metric, subject).forEach(all::add);
            }
        }
        Files.writeString(file, mapper.writerWithDefaultPrettyPrinter().writeValueAsString(root));
    }
}
