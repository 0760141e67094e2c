package dev.caisson.kvm.vmm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class PausedDrivesTest {
    private final List<String> seen = new ArrayList<>();
    private final PausedDrives drives = new PausedDrives(new PausedDrives.Processors() {
        @Override
        public void hold() {
            seen.add("hold");
        }

        @Override
        public void go() {
            seen.add("go");
        }
    });

    @Test
    void processorsStandStillWhileAllContainersArePaused() throws Exception {
        drives.inserted(0);
        drives.inserted(1);
        drives.pause(0);
        assertThat(seen).isEmpty();
        drives.pause(1);
        drives.pause(1);
        assertThat(seen).containsExactly("hold");
        drives.resume(0);
        drives.resume(0);
        assertThat(seen).containsExactly("hold", "go");
        drives.pause(0);
        assertThat(seen).containsExactly("hold", "go", "hold");
    }

    @Test
    void whoComesLetsThemGoOn() throws Exception {
        drives.inserted(0);
        drives.pause(0);
        drives.inserted(1);
        assertThat(seen).containsExactly("hold", "go");
        drives.ejected(1);
        assertThat(seen).containsExactly("hold", "go", "hold");
        drives.ejected(0);
        assertThat(seen).containsExactly("hold", "go", "hold", "go");
    }

    @Test
    void thereIsNothingToPauseInAnEmptyDrive() {
        assertThatExceptionOfType(IllegalArgumentException.class)
                .isThrownBy(() -> drives.pause(3))
                .withMessageContaining("drive 3");
        assertThat(seen).isEmpty();
    }
}
