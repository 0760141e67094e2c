package dev.caisson.namespace;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.linux.bpf.BpfInterpreter;
import dev.caisson.linux.bpf.BpfProgram;
import dev.caisson.linux.bpf.InvalidProfileException;
import dev.caisson.linux.bpf.ProgramTooLongException;
import dev.caisson.linux.bpf.SeccompAction;
import dev.caisson.linux.bpf.SeccompCompiler;
import dev.caisson.linux.bpf.SeccompData;
import dev.caisson.linux.bpf.SeccompFilter;
import dev.caisson.linux.bpf.SeccompProfile;
import dev.caisson.linux.bpf.SyscallAbi;
import dev.caisson.linux.plan.Sys;
import dev.caisson.namespace.plan.PlanInput;
import dev.caisson.oci.Seccomp;
import dev.caisson.oci.SeccompArch;
import dev.caisson.oci.SeccompFlag;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Compiled seccomp profiles, the most recently used ones: a node's containers share a few profiles, and each exec needs its
 * container's again. Thread-safe.
 */
final class SeccompPrograms {
    /** A program has at most 32 KiB. */
    private static final int KEPT = 16;
    /** SECCOMP_RET_ALLOW and SECCOMP_RET_LOG, linux/seccomp.h. */
    private static final int RET_ALLOW = 0x7fff_0000;

    private static final String WHERE = "config.json: linux.seccomp: ";

    private static final int RET_LOG = 0x7ffc_0000;

    private final Map<SeccompProfile, PlanInput.SeccompFilter> compiled = new LinkedHashMap<>(KEPT, 0.75f, true);

    /** The profile's program, compiled now or earlier. */
    PlanInput.SeccompFilter get(Seccomp section) throws ContainerFault {
        SeccompProfile profile = translate(section);
        synchronized (compiled) {
            PlanInput.SeccompFilter known = compiled.get(profile);
            if (known != null) {
                return known;
            }
        }
        SeccompFilter filter = compile(profile);
        PlanInput.SeccompFilter made = new PlanInput.SeccompFilter(
                filter.program().toBytes(), filter.flags(), filter.listener(), refused(filter.program()));
        synchronized (compiled) {
            compiled.put(profile, made);
            if (compiled.size() > KEPT) {
                compiled.remove(compiled.keySet().iterator().next());
            }
        }
        return made;
    }

    private static SeccompFilter compile(SeccompProfile profile) throws ContainerFault {
        try {
            return SeccompCompiler.compile(profile);
        } catch (InvalidProfileException e) {
            throw new ContainerFault(Kind.INVALID, WHERE + e.getMessage(), e);
        }
    }

    /**
     * A filter of another wall's behind the profile, in one program: what the profile allows, the other filter decides.
     *
     * @param flags the other filter's
     */
    static PlanInput.SeccompFilter inFrontOf(Seccomp section, BpfProgram next, long flags) throws ContainerFault {
        SeccompFilter filter = compile(translate(section));
        if (filter.listener()) {
            throw new ContainerFault(
                    Kind.UNSUPPORTED,
                    WHERE + "SCMP_ACT_NOTIFY: this wall answers the system calls, and nobody else can");
        }
        try {
            BpfProgram both = filter.program().inFrontOf(next, answer -> answer == RET_ALLOW || answer == RET_LOG);
            return new PlanInput.SeccompFilter(
                    both.toBytes(),
                    flags | (filter.flags() & SeccompProfile.FLAG_LOG),
                    true,
                    refused(filter.program()));
        } catch (ProgramTooLongException e) {
            throw new ContainerFault(Kind.UNSUPPORTED, WHERE + "with this wall's own filter: " + e.getMessage(), e);
        }
    }

    private static Set<Sys> refused(BpfProgram program) {
        Set<Sys> refused = EnumSet.noneOf(Sys.class);
        for (Sys call : PlanInput.SeccompFilter.CALLS_BEHIND) {
            int answer = BpfInterpreter.run(
                    program, new SeccompData(call.number(), SeccompData.AUDIT_ARCH_X86_64, 0, 0, 0, 0, 0, 0, 0));
            if (answer != RET_ALLOW && answer != RET_LOG) {
                refused.add(call);
            }
        }
        return refused;
    }

    /** The section in the compiler's words. ABIs that an x86-64 kernel does not have cannot be entered, so they need no rules. */
    static SeccompProfile translate(Seccomp section) {
        Set<SyscallAbi> abis = EnumSet.of(SyscallAbi.X86_64);
        if (section.architectures().contains(SeccompArch.X86)) {
            abis.add(SyscallAbi.I386);
        }
        if (section.architectures().contains(SeccompArch.X32)) {
            abis.add(SyscallAbi.X32);
        }
        List<SeccompProfile.Rule> rules = new ArrayList<>(section.syscalls().size());
        for (Seccomp.Rule rule : section.syscalls()) {
            List<SeccompProfile.Condition> conditions =
                    new ArrayList<>(rule.args().size());
            for (Seccomp.Arg arg : rule.args()) {
                conditions.add(new SeccompProfile.Condition(arg.index(), comparison(arg), arg.value(), arg.valueTwo()));
            }
            rules.add(new SeccompProfile.Rule(rule.names(), action(rule.action()), rule.errnoRet(), conditions));
        }
        return new SeccompProfile(
                action(section.defaultAction()), section.defaultErrnoRet(), abis, flags(section.flags()), rules);
    }

    /**
     * An absent list lets the runtime choose: without the mitigation of speculative store bypass, which costs much and which the
     * kernel (4.17 and later) would switch on for every filtered process. An empty list asks for no flag at all.
     */
    private static int flags(@org.jspecify.annotations.Nullable List<SeccompFlag> flags) {
        if (flags == null) {
            return SeccompProfile.FLAG_SPEC_ALLOW;
        }
        int bits = 0;
        for (SeccompFlag flag : flags) {
            bits |= switch (flag) {
                case TSYNC -> SeccompProfile.FLAG_TSYNC;
                case LOG -> SeccompProfile.FLAG_LOG;
                case SPEC_ALLOW -> SeccompProfile.FLAG_SPEC_ALLOW;
                case WAIT_KILLABLE_RECV -> SeccompProfile.FLAG_WAIT_KILLABLE_RECV;
            };
        }
        return bits;
    }

    private static SeccompAction action(dev.caisson.oci.SeccompAction action) {
        return switch (action) {
            case KILL, KILL_THREAD -> SeccompAction.KILL_THREAD;
            case KILL_PROCESS -> SeccompAction.KILL_PROCESS;
            case TRAP -> SeccompAction.TRAP;
            case ERRNO -> SeccompAction.ERRNO;
            case TRACE -> SeccompAction.TRACE;
            case ALLOW -> SeccompAction.ALLOW;
            case LOG -> SeccompAction.LOG;
            case NOTIFY -> SeccompAction.NOTIFY;
        };
    }

    private static SeccompProfile.Comparison comparison(Seccomp.Arg arg) {
        return switch (arg.op()) {
            case NE -> SeccompProfile.Comparison.NE;
            case LT -> SeccompProfile.Comparison.LT;
            case LE -> SeccompProfile.Comparison.LE;
            case EQ -> SeccompProfile.Comparison.EQ;
            case GE -> SeccompProfile.Comparison.GE;
            case GT -> SeccompProfile.Comparison.GT;
            case MASKED_EQ -> SeccompProfile.Comparison.MASKED_EQ;
        };
    }
}
