package dev.caisson.kvm.x86;

import dev.caisson.kvm.sys.CpuidEntry;
import java.util.ArrayList;
import java.util.List;

/** What CPUID answers on one processor of a machine: what the host can do, as one socket of single-threaded cores. */
public final class Cpuid {
    private static final int HYPERVISOR = 1 << 31;
    private static final int TSC_DEADLINE = 1 << 24;
    private static final int MONITOR = 1 << 3;
    private static final int HTT = 1 << 28;
    private static final int SMT_LEVEL = 1 << 8;
    private static final int CORE_LEVEL = 2 << 8;

    private Cpuid() {}

    /**
     * Computes it.
     *
     * @param supported what KVM says that it can answer
     * @param apicId of the processor: its number
     */
    public static List<CpuidEntry> of(List<CpuidEntry> supported, int apicId, int processors) {
        List<CpuidEntry> result = new ArrayList<>(supported.size());
        for (CpuidEntry e : supported) {
            result.add(
                    switch (e.function()) {
                        case 1 -> features(e, apicId, processors);
                        case 4, 0x8000_001d -> cache(e, processors);
                        case 0xb, 0x1f -> topology(e, apicId, processors);
                        case 0x8000_0008 ->
                            e.with(
                                    e.eax(),
                                    e.ebx(),
                                    (e.ecx() & ~0xf0ff) | (processors - 1) | bits(processors) << 12,
                                    e.edx());
                        case 0x8000_001e -> e.with(apicId, apicId, 0, e.edx());
                        default -> e;
                    });
        }
        return result;
    }

    private static CpuidEntry features(CpuidEntry e, int apicId, int processors) {
        int ebx = (e.ebx() & 0xffff) | processors << 16 | apicId << 24;
        // MWAIT would be emulated as a no-op: an idle guest would spin.
        int ecx = (e.ecx() | HYPERVISOR | TSC_DEADLINE) & ~MONITOR;
        return e.with(e.eax(), ebx, ecx, processors > 1 ? e.edx() | HTT : e.edx() & ~HTT);
    }

    /** Bits 14 to 25: processors that share a cache. The last level is everybody's, the others are private. */
    private static CpuidEntry cache(CpuidEntry e, int processors) {
        int level = e.eax() >> 5 & 7;
        int sharing = level >= 3 ? processors - 1 : 0;
        int cores = e.function() == 4 ? (processors - 1) << 26 : 0;
        return e.with((e.eax() & 0x3fff) | sharing << 14 | cores, e.ebx(), e.ecx(), e.edx());
    }

    private static CpuidEntry topology(CpuidEntry e, int apicId, int processors) {
        return switch (e.index()) {
            case 0 -> e.with(0, 1, SMT_LEVEL, apicId);
            case 1 -> e.with(bits(processors), processors, CORE_LEVEL | 1, apicId);
            default -> e.with(0, 0, e.index(), apicId);
        };
    }

    private static int bits(int processors) {
        return 32 - Integer.numberOfLeadingZeros(processors - 1);
    }
}
