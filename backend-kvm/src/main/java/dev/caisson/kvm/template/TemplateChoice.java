package dev.caisson.kvm.template;

import dev.caisson.backend.MachineTemplates.Shape;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/** Which template a machine goes on from. Pure. */
final class TemplateChoice {
    static final String OFF = "off";

    private TemplateChoice() {}

    /**
     * The smallest in which the machine has what it should have, and not twice as much: memory that a guest has found it does not give back. Network cards
     * may be left over.
     *
     * @param usable what there is, by name
     * @param asked the annotation's value; empty when there is none
     */
    static <T> Optional<T> of(
            List<T> usable, Function<T, Shape> shape, Function<T, String> name, Shape wanted, String asked) {
        if (asked.equals(OFF)) {
            return Optional.empty();
        }
        return usable.stream()
                .filter(each -> asked.isEmpty() || name.apply(each).equals(asked))
                .filter(each -> fits(shape.apply(each), wanted))
                .min(Comparator.comparingInt((T each) -> shape.apply(each).memoryMib())
                        .thenComparingInt(each -> shape.apply(each).cards())
                        .thenComparing(name));
    }

    static boolean fits(Shape has, Shape wanted) {
        return has.processors() == wanted.processors()
                && has.cards() >= wanted.cards()
                && has.memoryMib() >= wanted.memoryMib()
                && has.memoryMib() < 2L * wanted.memoryMib();
    }
}
