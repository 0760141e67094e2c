package dev.caisson.tests.bench;

/** One row group: what is done once per round to each subject. */
interface Probe {
    /** Name on the command line. */
    String name();

    /** Takes one sample of each of its metrics. Metric names end in their unit. */
    void sample(Subject subject, Samples samples);
}
