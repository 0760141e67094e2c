package dev.caisson.linux.bpf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BpfAssemblerTest {
    private static SeccompData call(int nr) {
        return new SeccompData(nr, SeccompData.AUDIT_ARCH_X86_64, 0, 0, 0, 0, 0, 0, 0);
    }

    /** Distances around the limit of eight bits, for each side and for both. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 253, 254, 255, 256, 257, 258, 1000})
    void jumpsReachAnyDistance(int distance) {
        for (int sides = 1; sides <= 3; sides++) {
            BpfAssembler asm = new BpfAssembler();
            BpfAssembler.Label yes = asm.label();
            BpfAssembler.Label no = asm.label();
            asm.load(SeccompData.NR);
            asm.branch(BpfCode.JEQ_K, 7, (sides & 1) != 0 ? yes : null, (sides & 2) != 0 ? no : null);
            asm.ret(3);
            for (int i = 0; i < distance; i++) {
                asm.add(BpfCode.LD_IMM, i);
            }
            asm.bind(yes).ret(1);
            asm.bind(no).ret(2);
            BpfProgram program = asm.assemble();

            assertThat(BpfInterpreter.run(program, call(7))).isEqualTo((sides & 1) != 0 ? 1 : 3);
            assertThat(BpfInterpreter.run(program, call(8))).isEqualTo((sides & 2) != 0 ? 2 : 3);
        }
    }

    @Test
    void refusesBackwardJumpsAndLooseLabels() {
        BpfAssembler loose = new BpfAssembler();
        loose.jump(loose.label()).ret(0);
        assertThatThrownBy(loose::assemble)
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("label has no place");

        BpfAssembler backward = new BpfAssembler();
        BpfAssembler.Label label = backward.label();
        backward.bind(label).ret(0).jump(label);
        assertThatThrownBy(backward::assemble)
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("jump goes backwards");
    }

    @Test
    void refusesProgramsThatTheKernelWould() {
        BpfAssembler noReturn = new BpfAssembler();
        noReturn.load(0);
        assertThatThrownBy(noReturn::assemble).hasMessage("instruction 0 leads outside the program");

        BpfAssembler tooLong = new BpfAssembler();
        for (int i = 0; i < BpfProgram.MAX_INSNS; i++) {
            tooLong.load(0);
        }
        assertThatThrownBy(() -> tooLong.ret(0)).isInstanceOf(ProgramTooLongException.class);
        assertThatThrownBy(() -> new BpfAssembler().assemble()).hasMessage("an empty program");
    }

    @Test
    void interpretsArithmeticAndScratchMemory() {
        BpfAssembler asm = new BpfAssembler();
        asm.load(SeccompData.NR)
                .add(BpfCode.ST, 3)
                .add(BpfCode.ADD_K, 5)
                .add(BpfCode.TAX, 0)
                .add(BpfCode.LD_MEM, 3);
        asm.add(BpfCode.MUL_K | BpfCode.SRC_X, 0).add(BpfCode.XOR_K, 0xff).add(BpfCode.RET_A, 0);
        assertThat(BpfInterpreter.run(asm.assemble(), call(10))).isEqualTo((10 * 15) ^ 0xff);
    }

    @Test
    void encodesSockFilterAndPrints() {
        BpfAssembler asm = new BpfAssembler();
        BpfAssembler.Label deny = asm.label();
        asm.load(SeccompData.argHigh(1)).branch(BpfCode.JGT_K, 0x1234, null, deny);
        asm.ret(SeccompAction.ALLOW.value());
        asm.bind(deny).ret(SeccompAction.ERRNO.value(38));
        BpfProgram program = asm.assemble();

        assertThat(program.toBytes())
                .startsWith(0x20, 0, 0, 0, 28, 0, 0, 0, 0x25, 0, 0, 1, 0x34, 0x12, 0, 0)
                .hasSize(4 * 8);
        assertThat(BpfPrinter.print(program)).isEqualTo("""
                           0: ld arg1.hi
                           1: jgt 0x1234, 2, 3
                           2: ret allow
                           3: ret errno(38)
                        """);
    }
}
