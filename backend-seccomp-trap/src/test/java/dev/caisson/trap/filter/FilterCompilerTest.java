package dev.caisson.trap.filter;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.bpf.BpfInterpreter;
import dev.caisson.linux.bpf.BpfProgram;
import dev.caisson.linux.bpf.SeccompAction;
import dev.caisson.linux.bpf.SeccompData;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The filter against the table, by the interpreter: every number, arguments around the values that the rules speak of. */
class FilterCompilerTest {
    private static final int[] ARCHES = {SeccompData.AUDIT_ARCH_X86_64, SeccompData.AUDIT_ARCH_I386, 0xc000_00b7, 0};
    private static final int SAMPLES = 400;

    private static SeccompData call(int nr, int arch, long... a) {
        return new SeccompData(nr, arch, 0x40_1000, a[0], a[1], a[2], a[3], a[4], a[5]);
    }

    /** Values on both sides of each comparison, and with bits that the kernel cuts off. */
    private static List<Long> interesting(SystemCall call) {
        Set<Long> values = new LinkedHashSet<>(List.of(0L, 1L, -1L, 0x8000_0000L, 1L << 32, Long.MIN_VALUE));
        if (call.rule() != null) {
            for (List<ArgRule.Condition> all : call.rule().alternatives()) {
                for (ArgRule.Condition condition : all) {
                    for (long value : condition.values()) {
                        values.addAll(
                                List.of(value, value - 1, value + 1, value | (1L << 40), value | ~condition.mask()));
                    }
                    for (int bit = 0; bit < 64; bit++) {
                        values.add(1L << bit);
                    }
                }
            }
        }
        return new ArrayList<>(values);
    }

    @ParameterizedTest
    @EnumSource(Tier.class)
    void filterEqualsTable(Tier tier) {
        BpfProgram program = FilterCompiler.compile(tier);
        SplittableRandom random = new SplittableRandom(5);
        for (int arch : ARCHES) {
            for (int nr = -2; nr < 1024; nr++) {
                SystemCall known = CallTable.call(nr);
                List<Long> values = known == null ? List.of(0L, -1L) : interesting(known);
                int samples = known != null && known.rule() != null ? SAMPLES : 8;
                for (int i = 0; i < samples; i++) {
                    long[] a = new long[6];
                    for (int j = 0; j < a.length; j++) {
                        a[j] = random.nextInt(4) == 0 ? random.nextLong() : values.get(random.nextInt(values.size()));
                    }
                    SeccompData data = call(nr, arch, a);
                    assertThat(BpfInterpreter.run(program, data))
                            .as("%s in %s", data, tier)
                            .isEqualTo(CallTable.evaluate(tier, data));
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource(Tier.class)
    void otherAbisAreShut(Tier tier) {
        BpfProgram program = FilterCompiler.compile(tier);
        SeccompData x32 = call(SeccompData.X32_BIT | 1, SeccompData.AUDIT_ARCH_X86_64, 0, 0, 0, 0, 0, 0);
        SeccompData i386 = call(1, SeccompData.AUDIT_ARCH_I386, 0, 0, 0, 0, 0, 0);
        assertThat(BpfInterpreter.run(program, x32)).isEqualTo(SeccompAction.ERRNO.value(38));
        assertThat(BpfInterpreter.run(program, i386)).isEqualTo(SeccompAction.KILL_PROCESS.value());
    }

    /** By what the kernel would let through for all arguments, or some: digest of the wall's claim. */
    @ParameterizedTest
    @EnumSource(Tier.class)
    void terminalInputIsNeverPushed(Tier tier) {
        BpfProgram program = FilterCompiler.compile(tier);
        for (long high : new long[] {0, 1L << 32, -1L << 32}) {
            for (long command : new long[] {0x5412 /* TIOCSTI */, 0x541c /* TIOCLINUX */}) {
                SeccompData data = call(16, SeccompData.AUDIT_ARCH_X86_64, 0, high | command, 0, 0, 0, 0);
                assertThat(SeccompAction.of(BpfInterpreter.run(program, data))).isNotEqualTo(SeccompAction.ALLOW);
            }
        }
    }
}
