package dev.caisson.kvm.vmm;

/** What a machine counts, in Prometheus' text format (version 0.0.4). Pure. */
final class MachineMetrics {
    private static final String PREFIX = "caisson_machine_";

    private final String machine;
    private final StringBuilder text = new StringBuilder();

    /** @param machine its name, without quotes */
    MachineMetrics(String machine) {
        this.machine = machine;
    }

    /** A value that goes up and down. */
    MachineMetrics gauge(String name, String help, long value) {
        return family(name, help, "gauge").sample(name, "", value);
    }

    /** What {@link #sample}s follow; a counter only grows. */
    MachineMetrics family(String name, String help, String type) {
        text.append("# HELP ")
                .append(PREFIX)
                .append(name)
                .append(' ')
                .append(help)
                .append('\n');
        text.append("# TYPE ")
                .append(PREFIX)
                .append(name)
                .append(' ')
                .append(type)
                .append('\n');
        return this;
    }

    /** @param label {@code name="value"}, empty for none */
    MachineMetrics sample(String name, String label, long value) {
        text.append(PREFIX).append(name).append("{machine=\"").append(machine).append('"');
        if (!label.isEmpty()) {
            text.append(',').append(label);
        }
        text.append("} ").append(value).append('\n');
        return this;
    }

    @Override
    public String toString() {
        return text.toString();
    }
}
