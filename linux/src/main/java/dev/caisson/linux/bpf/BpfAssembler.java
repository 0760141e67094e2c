package dev.caisson.linux.bpf;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Builds a {@link BpfProgram} from instructions and labels. Jumps may only go forward, as classic BPF demands; a conditional jump farther
 * than its eight bits reach goes by way of an unconditional one placed right behind it. All methods that add an instruction throw {@link
 * ProgramTooLongException} beyond {@link BpfProgram#MAX_INSNS}. Not thread-safe.
 */
public final class BpfAssembler {
    private static final int MAX_NEAR = 255;

    /** A place in the program that is not known yet. */
    public static final class Label {
        private static final int UNBOUND = -1;

        private boolean bound;
        private int fromEnd = UNBOUND;

        private Label() {}
    }

    private sealed interface Item {}

    private record Plain(BpfInsn insn) implements Item {}

    private record Bind(Label label) implements Item {}

    private record Goto(Label target) implements Item {}

    private record Branch(
            int code,
            int k,
            @Nullable Label ifTrue,
            @Nullable Label ifFalse) implements Item {}

    private final List<Item> items = new ArrayList<>();
    private int insns;

    /** A label to be bound later. */
    public Label label() {
        return new Label();
    }

    /**
     * Puts a label before the next instruction.
     *
     * @throws IllegalStateException it has a place already
     */
    public BpfAssembler bind(Label label) {
        if (label.bound) {
            throw new IllegalStateException("label is bound twice");
        }
        label.bound = true;
        items.add(new Bind(label));
        return this;
    }

    /** Adds an instruction that is not a jump. */
    public BpfAssembler add(int code, int k) {
        put(new Plain(BpfInsn.of(code, k)));
        return this;
    }

    /** Loads a word of {@code struct seccomp_data}; see {@link SeccompData} for offsets. */
    public BpfAssembler load(int offset) {
        return add(BpfCode.LD_W_ABS, offset);
    }

    /** Returns a constant. */
    public BpfAssembler ret(int k) {
        return add(BpfCode.RET_K, k);
    }

    /** Jumps always. */
    public BpfAssembler jump(Label target) {
        put(new Goto(target));
        return this;
    }

    /**
     * Jumps on a condition.
     *
     * @param code one of the conditional operations of {@link BpfCode}
     * @param ifTrue where to go when the condition holds; null = the next instruction
     * @param ifFalse where to go when it does not; null = the next instruction
     */
    public BpfAssembler branch(int code, int k, @Nullable Label ifTrue, @Nullable Label ifFalse) {
        put(new Branch(code, k, ifTrue, ifFalse));
        return this;
    }

    /** Every item but a label becomes at least one instruction, so a program that is too long is refused while it is still small. */
    private void put(Item item) {
        insns++;
        if (insns > BpfProgram.MAX_INSNS) {
            throw new ProgramTooLongException(insns);
        }
        items.add(item);
    }

    /**
     * The finished program.
     *
     * @throws IllegalStateException a jump goes backwards or to a label without a place
     * @throws ProgramTooLongException the program is too long
     * @throws IllegalArgumentException a path has no return
     */
    public BpfProgram assemble() {
        // Built from the end: every target of a forward jump has its final distance when the jump is laid down.
        List<BpfInsn> reversed = new ArrayList<>(items.size());
        for (int i = items.size() - 1; i >= 0; i--) {
            switch (items.get(i)) {
                case Plain(BpfInsn insn) -> reversed.add(insn);
                case Bind(Label label) -> label.fromEnd = reversed.size();
                case Goto(Label target) -> reversed.add(BpfInsn.of(BpfCode.JA, distance(reversed, target)));
                case Branch branch -> layBranch(reversed, branch);
            }
        }
        Collections.reverse(reversed);
        return new BpfProgram(reversed);
    }

    private static void layBranch(List<BpfInsn> reversed, Branch branch) {
        int next = reversed.size();
        int jt = branch.ifTrue == null ? next : place(branch.ifTrue);
        int jf = branch.ifFalse == null ? next : place(branch.ifFalse);
        // The first trampoline pushes the other target one further away, so leave room for it.
        if (reversed.size() - jf > MAX_NEAR - 1) {
            reversed.add(BpfInsn.of(BpfCode.JA, reversed.size() - jf));
            jf = reversed.size();
        }
        if (reversed.size() - jt > MAX_NEAR) {
            reversed.add(BpfInsn.of(BpfCode.JA, reversed.size() - jt));
            jt = reversed.size();
        }
        reversed.add(new BpfInsn(branch.code, reversed.size() - jt, reversed.size() - jf, branch.k));
    }

    private static int distance(List<BpfInsn> reversed, Label target) {
        return reversed.size() - place(target);
    }

    private static int place(Label label) {
        if (label.fromEnd == Label.UNBOUND) {
            throw new IllegalStateException(label.bound ? "jump goes backwards" : "label has no place");
        }
        return label.fromEnd;
    }
}
