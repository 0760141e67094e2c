package dev.caisson.kvm.sys;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.reflect.Field;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Compares every number of {@link KvmAbi} with what the machine's C compiler makes of linux/kvm.h. */
class KvmAbiTest {
    /** Prefix of a constant's name, and the structure whose member the rest names; SIZE is the structure's size. */
    private static final Map<String, String> STRUCTURES = Map.ofEntries(
            Map.entry("IRQ_LEVEL_", "struct kvm_irq_level"),
            Map.entry("IOEVENTFD_", "struct kvm_ioeventfd"),
            Map.entry("CPUID_", "struct kvm_cpuid2"),
            Map.entry("MSRS_", "struct kvm_msrs"),
            Map.entry("MSR_", "struct kvm_msr_entry"),
            Map.entry("FPU_", "struct kvm_fpu"),
            Map.entry("LAPIC_", "struct kvm_lapic_state"),
            Map.entry("REGS_", "struct kvm_regs"),
            Map.entry("SREGS_", "struct kvm_sregs"),
            Map.entry("SEGMENT_", "struct kvm_segment"),
            Map.entry("DTABLE_", "struct kvm_dtable"),
            Map.entry("IRQCHIP_", "struct kvm_irqchip"),
            Map.entry("CLOCK_", "struct kvm_clock_data"));

    private static final Map<String, String> EXPRESSIONS = Map.ofEntries(
            Map.entry("RUN_IMMEDIATE_EXIT", "offsetof(struct kvm_run, immediate_exit)"),
            Map.entry("RUN_EXIT_REASON", "offsetof(struct kvm_run, exit_reason)"),
            Map.entry("RUN_IO_DIRECTION", "offsetof(struct kvm_run, io.direction)"),
            Map.entry("RUN_IO_SIZE", "offsetof(struct kvm_run, io.size)"),
            Map.entry("RUN_IO_PORT", "offsetof(struct kvm_run, io.port)"),
            Map.entry("RUN_IO_COUNT", "offsetof(struct kvm_run, io.count)"),
            Map.entry("RUN_IO_DATA_OFFSET", "offsetof(struct kvm_run, io.data_offset)"),
            Map.entry("RUN_MMIO_ADDR", "offsetof(struct kvm_run, mmio.phys_addr)"),
            Map.entry("RUN_MMIO_DATA", "offsetof(struct kvm_run, mmio.data)"),
            Map.entry("RUN_MMIO_LEN", "offsetof(struct kvm_run, mmio.len)"),
            Map.entry("RUN_MMIO_IS_WRITE", "offsetof(struct kvm_run, mmio.is_write)"),
            Map.entry("RUN_FAIL_REASON", "offsetof(struct kvm_run, fail_entry.hardware_entry_failure_reason)"),
            Map.entry("RUN_INTERNAL_SUBERROR", "offsetof(struct kvm_run, internal.suberror)"),
            Map.entry("RUN_SYSTEM_EVENT_TYPE", "offsetof(struct kvm_run, system_event.type)"),
            Map.entry("REGION_SLOT", "offsetof(struct kvm_userspace_memory_region, slot)"),
            Map.entry("REGION_FLAGS", "offsetof(struct kvm_userspace_memory_region, flags)"),
            Map.entry("REGION_GUEST", "offsetof(struct kvm_userspace_memory_region, guest_phys_addr)"),
            Map.entry("REGION_BYTES", "offsetof(struct kvm_userspace_memory_region, memory_size)"),
            Map.entry("REGION_USERSPACE", "offsetof(struct kvm_userspace_memory_region, userspace_addr)"),
            Map.entry("REGION_SIZE", "sizeof(struct kvm_userspace_memory_region)"),
            Map.entry("CPUID_ENTRY_SIZE", "sizeof(struct kvm_cpuid_entry2)"),
            Map.entry("CPUID_FUNCTION", "offsetof(struct kvm_cpuid_entry2, function)"),
            Map.entry("CPUID_INDEX", "offsetof(struct kvm_cpuid_entry2, index)"),
            Map.entry("CPUID_FLAGS", "offsetof(struct kvm_cpuid_entry2, flags)"),
            Map.entry("CPUID_EAX", "offsetof(struct kvm_cpuid_entry2, eax)"),
            Map.entry("CPUID_EBX", "offsetof(struct kvm_cpuid_entry2, ebx)"),
            Map.entry("CPUID_ECX", "offsetof(struct kvm_cpuid_entry2, ecx)"),
            Map.entry("CPUID_EDX", "offsetof(struct kvm_cpuid_entry2, edx)"),
            Map.entry("MSR_ENTRY_SIZE", "sizeof(struct kvm_msr_entry)"),
            Map.entry("MSR_LIST_NMSRS", "offsetof(struct kvm_msr_list, nmsrs)"),
            Map.entry("MSR_LIST_INDICES", "offsetof(struct kvm_msr_list, indices)"),
            Map.entry("MP_STATE_SIZE", "sizeof(struct kvm_mp_state)"),
            Map.entry("EVENTS_SIZE", "sizeof(struct kvm_vcpu_events)"),
            Map.entry("DEBUG_SIZE", "sizeof(struct kvm_debugregs)"),
            Map.entry("XSAVE_SIZE", "sizeof(struct kvm_xsave)"),
            Map.entry("XCRS_SIZE", "sizeof(struct kvm_xcrs)"));

    @TempDir
    Path directory;

    private static String expression(String name) {
        String known = EXPRESSIONS.get(name);
        if (known != null) {
            return known;
        }
        for (Map.Entry<String, String> structure : STRUCTURES.entrySet()) {
            if (name.startsWith(structure.getKey())) {
                String member = name.substring(structure.getKey().length()).toLowerCase(java.util.Locale.ROOT);
                return member.equals("size")
                        ? "sizeof(" + structure.getValue() + ")"
                        : "offsetof(" + structure.getValue() + ", " + member + ")";
            }
        }
        return name;
    }

    @Test
    void everyConstantIsWhatTheCompilerSays() throws Exception {
        Map<String, Long> ours = new LinkedHashMap<>();
        StringBuilder program = new StringBuilder(
                "#include <stddef.h>\n#include <stdio.h>\n#include <linux/kvm.h>\nint main(void) {\n");
        for (Field field : KvmAbi.class.getDeclaredFields()) {
            field.setAccessible(true);
            String name = field.getName();
            ours.put(name, field.getLong(null) & 0xffff_ffffL);
            program.append("printf(\"").append(name).append(" %lld\\n\", (long long)(");
            program.append(expression(name)).append("));\n");
        }
        program.append("return 0; }\n");
        assertThat(ours).hasSizeGreaterThan(100);
        assertThat(ours).containsExactlyInAnyOrderEntriesOf(compiled(program.toString()));
    }

    private Map<String, Long> compiled(String program) throws Exception {
        Path source = directory.resolve("kvm.c");
        Path binary = directory.resolve("kvm");
        Files.writeString(source, program);
        Process compilation;
        try {
            compilation = new ProcessBuilder("gcc", "-o", binary.toString(), source.toString())
                    .redirectErrorStream(true)
                    .start();
        } catch (IOException e) {
            assumeTrue(false, "no gcc on this machine, layouts are not compared: " + e.getMessage());
            throw e;
        }
        String messages = output(compilation);
        assertThat(compilation.waitFor()).as(messages).isZero();
        Map<String, Long> values = new LinkedHashMap<>();
        for (String line :
                output(new ProcessBuilder(binary.toString()).start()).lines().toList()) {
            int blank = line.indexOf(' ');
            values.put(line.substring(0, blank), Long.parseLong(line.substring(blank + 1)));
        }
        return values;
    }

    private static String output(Process process) throws IOException {
        return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }
}
