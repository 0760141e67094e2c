package dev.caisson.tests.bench;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Every sample by metric and subject, in order of first appearance. */
final class Samples {
    private final Map<String, Map<String, List<Double>>> byMetric = new LinkedHashMap<>();

    void add(String metric, String subject, double value) {
        byMetric.computeIfAbsent(metric, m -> new LinkedHashMap<>())
                .computeIfAbsent(subject, s -> new ArrayList<>())
                .add(value);
    }

    List<String> metrics() {
        return List.copyOf(byMetric.keySet());
    }

    List<String> subjects(String metric) {
        return List.copyOf(byMetric.getOrDefault(metric, Map.of()).keySet());
    }

    List<Double> of(String metric, String subject) {
        return Collections.unmodifiableList(
                byMetric.getOrDefault(metric, Map.of()).getOrDefault(subject, List.of()));
    }

    /** The value below which a share of the samples lies, between neighbours by linear interpolation; NaN without samples. */
    double quantile(String metric, String subject, double share) {
        List<Double> sorted = new ArrayList<>(of(metric, subject));
        if (sorted.isEmpty()) {
            return Double.NaN;
        }
        Collections.sort(sorted);
        double at = share * (sorted.size() - 1);
        int low = (int) Math.floor(at);
        int high = (int) Math.ceil(at);
        return sorted.get(low) + (sorted.get(high) - sorted.get(low)) * (at - low);
    }

    double median(String metric, String subject) {
        return quantile(metric, subject, 0.5);
    }
}
