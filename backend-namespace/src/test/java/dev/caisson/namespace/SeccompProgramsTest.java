package dev.caisson.namespace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.caisson.backend.ContainerFault;
import dev.caisson.linux.bpf.SeccompProfile;
import dev.caisson.linux.bpf.SyscallAbi;
import dev.caisson.namespace.plan.PlanInput;
import dev.caisson.oci.Seccomp;
import dev.caisson.oci.SeccompAction;
import dev.caisson.oci.SeccompArch;
import dev.caisson.oci.SeccompFlag;
import dev.caisson.oci.SeccompOperator;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

final class SeccompProgramsTest {
    private final SeccompPrograms programs = new SeccompPrograms();

    private static Seccomp profile(@Nullable List<SeccompFlag> flags, SeccompAction action, String... names) {
        return new Seccomp(
                SeccompAction.ALLOW,
                null,
                List.of(SeccompArch.X86, SeccompArch.AARCH64),
                flags,
                null,
                null,
                List.of(new Seccomp.Rule(List.of(names), action, null, List.of())));
    }

    @Test
    void absentFlagsAndNoFlagsDiffer() throws ContainerFault {
        assertThat(programs.get(profile(null, SeccompAction.ERRNO, "mkdir")).flags())
                .isEqualTo(SeccompProfile.FLAG_SPEC_ALLOW);
        assertThat(programs.get(profile(List.of(), SeccompAction.ERRNO, "mkdir"))
                        .flags())
                .isZero();
        assertThat(programs.get(profile(List.of(SeccompFlag.TSYNC, SeccompFlag.LOG), SeccompAction.ERRNO, "mkdir"))
                        .flags())
                .isEqualTo(SeccompProfile.FLAG_LOG);
    }

    @Test
    void aNotifyingProfileAsksForAListener() throws ContainerFault {
        PlanInput.SeccompFilter filter =
                programs.get(profile(List.of(SeccompFlag.WAIT_KILLABLE_RECV), SeccompAction.NOTIFY, "mkdir"));
        assertThat(filter.listener()).isTrue();
        assertThat(filter.flags()).isEqualTo(SeccompProfile.FLAG_NEW_LISTENER | SeccompProfile.FLAG_WAIT_KILLABLE_RECV);
    }

    @Test
    void whatCannotWorkIsTheConfigurationsFault() {
        assertThatExceptionOfType(ContainerFault.class)
                .isThrownBy(() -> programs.get(profile(null, SeccompAction.NOTIFY, "write")))
                .withMessageContaining("linux.seccomp")
                .matches(e -> e.kind() == ContainerFault.Kind.INVALID);
    }

    @Test
    void architecturesOfOtherMachinesNeedNoRules() {
        assertThat(SeccompPrograms.translate(profile(null, SeccompAction.ERRNO, "mkdir"))
                        .abis())
                .containsExactlyInAnyOrder(SyscallAbi.X86_64, SyscallAbi.I386);
    }

    @Test
    void conditionsKeepTheirValues() {
        Seccomp section = new Seccomp(
                SeccompAction.KILL,
                null,
                List.of(),
                null,
                null,
                null,
                List.of(new Seccomp.Rule(
                        List.of("socket"),
                        SeccompAction.ERRNO,
                        22,
                        List.of(new Seccomp.Arg(1, 0xffL, 3, SeccompOperator.MASKED_EQ)))));
        SeccompProfile profile = SeccompPrograms.translate(section);
        assertThat(profile.defaultAction()).isEqualTo(dev.caisson.linux.bpf.SeccompAction.KILL_THREAD);
        assertThat(profile.rules())
                .containsExactly(new SeccompProfile.Rule(
                        List.of("socket"),
                        dev.caisson.linux.bpf.SeccompAction.ERRNO,
                        22,
                        List.of(new SeccompProfile.Condition(1, SeccompProfile.Comparison.MASKED_EQ, 0xff, 3))));
    }

    @Test
    void theSameProfileIsCompiledOnceAndOldOnesAreDropped() throws ContainerFault {
        PlanInput.SeccompFilter first = programs.get(profile(null, SeccompAction.ERRNO, "mkdir"));
        assertThat(programs.get(profile(null, SeccompAction.ERRNO, "mkdir"))).isSameAs(first);
        for (int i = 0; i < 100; i++) {
            programs.get(profile(null, SeccompAction.ERRNO, "mkdir", "unknown" + i));
        }
        assertThat(programs.get(profile(null, SeccompAction.ERRNO, "mkdir"))).isNotSameAs(first);
    }
}
