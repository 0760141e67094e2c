package dev.caisson.kvm.vmm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import org.junit.jupiter.api.Test;

class AllotmentTest {
    private static final int OWN = Allotment.OWN_MIB;

    private final Allotment machine = new Allotment(OWN + 1024, 4);

    @Test
    void whatNobodyMayUseIsTheHosts() {
        machine.inserted(0, new ContainerLimits(512, 1000));
        assertThat(machine.balloonMib())
                .as("a container that comes takes nothing away")
                .isZero();
        assertThat(machine.running()).isEqualTo(4);
        assertThat(machine.change(0, new ContainerLimits(128, 1500))).isNull();
        assertThat(machine.balloonMib()).isEqualTo(1024 - 128);
        assertThat(machine.running()).isEqualTo(2);
        assertThat(machine.change(0, new ContainerLimits(1024, 4000))).isNull();
        assertThat(machine.balloonMib()).isZero();
        assertThat(machine.running()).isEqualTo(4);
        assertThat(machine.limits(0)).isEqualTo(new ContainerLimits(1024, 4000));
    }

    @Test
    void containersAddUp() {
        machine.inserted(0, new ContainerLimits(1, 0));
        machine.inserted(3, new ContainerLimits(100, 700));
        assertThat(machine.change(3, new ContainerLimits(200, 700))).isNull();
        assertThat(machine.balloonMib()).isEqualTo(1024 - 201);
        assertThat(machine.running()).isEqualTo(1);
        machine.inserted(4, new ContainerLimits(300, 700));
        assertThat(machine.balloonMib()).isEqualTo(1024 - 501);
        assertThat(machine.running()).isEqualTo(2);
        machine.ejected(4);
        assertThat(machine.balloonMib()).as("nor does one that goes").isEqualTo(1024 - 501);
        assertThat(machine.running()).isEqualTo(2);
    }

    /** One limit at a time: the other one is what decides about its own. */
    @Test
    void whoHasNoLimitMayUseAllThereIs() {
        machine.inserted(0, ContainerLimits.NONE);
        machine.inserted(1, new ContainerLimits(100, 500));
        assertThat(machine.change(1, new ContainerLimits(50, 500))).isNull();
        assertThat(machine.balloonMib()).isZero();
        assertThat(machine.running()).isEqualTo(4);
        assertThat(machine.change(0, new ContainerLimits(100, ContainerLimits.ANY)))
                .isNull();
        assertThat(machine.balloonMib()).isEqualTo(1024 - 150);
        assertThat(machine.running()).isEqualTo(4);
        assertThat(machine.change(1, ContainerLimits.NONE)).isNull();
        assertThat(machine.balloonMib()).isZero();
    }

    @Test
    void moreThanTheMachineHasIsRefusedAndChangesNothing() {
        machine.inserted(0, new ContainerLimits(512, 1000));
        machine.inserted(1, new ContainerLimits(256, 1000));
        assertThat(machine.change(0, new ContainerLimits(300, 1000))).isNull();
        int balloon = machine.balloonMib();
        assertThat(machine.change(0, new ContainerLimits(769, 1000)))
                .isEqualTo("its pod's virtual machine has 1280 MiB of memory, and would need 1281");
        assertThat(machine.change(0, new ContainerLimits(768, 3001)))
                .isEqualTo("its pod's virtual machine has 4 processors, and would need 5");
        assertThat(machine.balloonMib()).isEqualTo(balloon);
        assertThat(machine.limits(0)).isEqualTo(new ContainerLimits(300, 1000));
        assertThat(machine.change(0, new ContainerLimits(768, 3000))).isNull();
    }

    /** As where containers came that the machine was not made for. */
    @Test
    void lessIsNeverRefused() {
        machine.inserted(0, new ContainerLimits(4096, 9000));
        assertThat(machine.change(0, new ContainerLimits(2048, 8000))).isNull();
        assertThat(machine.balloonMib()).isZero();
        assertThat(machine.running()).isEqualTo(4);
    }

    @Test
    void thereAreNoLimitsInAnEmptyDrive() {
        machine.inserted(2, ContainerLimits.NONE);
        machine.ejected(2);
        assertThatExceptionOfType(IllegalArgumentException.class)
                .isThrownBy(() -> machine.change(2, ContainerLimits.NONE))
                .withMessageContaining("drive 2");
    }

    @Test
    void limitsAreReadAsTheyAreWritten() {
        ContainerLimits limits = new ContainerLimits(7, ContainerLimits.ANY);
        assertThat(ContainerLimits.parse(limits.text())).isEqualTo(limits);
        assertThatExceptionOfType(IllegalArgumentException.class).isThrownBy(() -> ContainerLimits.parse("7"));
        assertThatExceptionOfType(IllegalArgumentException.class).isThrownBy(() -> ContainerLimits.parse("7 x"));
    }
}
