package dev.caisson.tests.bench;

import java.util.List;
import java.util.Locale;

/** A picture of the medians: one group of bars per metric, each group scaled to its own largest value. */
final class Chart {
    private static final int WIDTH = 860;
    private static final int LABEL = 120;
    private static final int BAR = 16;
    private static final int GAP = 26;

    private Chart() {}

    static String svg(Samples samples) {
        StringBuilder body = new StringBuilder();
        int y = 20;
        for (String metric : samples.metrics()) {
            List<String> subjects = samples.subjects(metric);
            double largest = subjects.stream()
                    .mapToDouble(subject -> samples.quantile(metric, subject, 0.9))
                    .max()
                    .orElse(0);
            body.append(String.format(
                    Locale.ROOT, "<text x=\"10\" y=\"%d\" class=\"metric\">%s</text>%n", y, escape(metric)));
            y += 8;
            for (String subject : subjects) {
                y = bar(body, samples, metric, subject, largest, y);
            }
            y += GAP;
        }
        return String.format(Locale.ROOT, """
                        <svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d">
                        <style>
                        text { font: 12px sans-serif; fill: #333 }
                        .metric { font-weight: bold }
                        .caisson { fill: #2a78b5 } .runc { fill: #c9c9c9 } .crun { fill: #e0b97a }
                        line { stroke: #555; stroke-width: 1 }
                        </style>
                        <rect width="100%%" height="100%%" fill="white"/>
                        """, WIDTH, y, WIDTH, y) + body + "</svg>\n";
    }

    private static int bar(StringBuilder body, Samples samples, String metric, String subject, double largest, int y) {
        int room = WIDTH - LABEL - 110;
        double scale = largest > 0 ? room / largest : 0;
        double median = samples.median(metric, subject);
        double low = LABEL + samples.quantile(metric, subject, 0.1) * scale;
        double high = LABEL + samples.quantile(metric, subject, 0.9) * scale;
        int middle = y + BAR / 2;
        body.append(String.format(
                Locale.ROOT,
                "<text x=\"10\" y=\"%d\">%s</text><rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" class=\"%s\"/>"
                        + "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/><text x=\"%.1f\" y=\"%d\">%.2f</text>%n",
                y + 12,
                escape(subject),
                LABEL,
                y,
                Math.max(median * scale, 1),
                BAR - 3,
                subject.substring(0, subject.indexOf('/')),
                low,
                middle - 1,
                high,
                middle - 1,
                Math.max(high, LABEL + median * scale) + 6,
                y + 12,
                median));
        return y + BAR;
    }

    private static String escape(String text) {
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
    }
}
