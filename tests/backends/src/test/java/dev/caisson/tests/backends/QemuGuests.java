package dev.caisson.tests.backends;

import dev.caisson.kvm.vm.VmConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/** The same guests as {@link KvmGuests}' as QEMU runs them, for benches. */
final class QemuGuests {
    private QemuGuests() {}

    /**
     * A command line; the guest's console is the process's output.
     *
     * @param machine QEMU's {@code -M}
     */
    static List<String> command(String machine, VmConfig config) {
        List<String> command =
                new ArrayList<>(List.of("qemu-system-x86_64", "-M", machine + ",accel=kvm", "-cpu", "host"));
        command.addAll(List.of("-m", Long.toString(config.memory() >> 20)));
        command.addAll(List.of("-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-serial", "stdio"));
        command.addAll(List.of("-kernel", config.kernel().toString()));
        command.addAll(
                List.of("-initrd", Objects.requireNonNull(config.initramfs()).toString()));
        command.addAll(List.of("-append", config.commandLine()));
        return command;
    }
}
