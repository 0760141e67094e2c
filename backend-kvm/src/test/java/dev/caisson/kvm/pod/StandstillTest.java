package dev.caisson.kvm.pod;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.linux.Processes;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StandstillTest {
    private static final Standstill.Held RUNNING = new Standstill.Held("c1", 3, false);

    @TempDir
    Path directory;

    private final List<String> told = new ArrayList<>();
    private @Nullable Kind refuses;
    private MachineProcess dead = MachineProcess.NONE;

    private final Standstill.Machine machine = new Standstill.Machine() {
        @Override
        public void go() {
            told.add("go");
        }

        @Override
        public void pause(int drive) {
            told.add("pause " + drive);
        }

        @Override
        public void resume(String container) throws ContainerFault {
            if (refuses != null) {
                throw new ContainerFault(refuses, "no");
            }
            told.add("resume " + container);
        }
    };

    @BeforeEach
    void aDaemonThatHasDied() throws Exception {
        Process process = new ProcessBuilder("cat").start();
        dead = MachineProcess.of((int) process.pid());
        process.getOutputStream().close();
        assertThat(process.waitFor()).isZero();
    }

    /** As another daemon has it. */
    private Standstill fresh() {
        return new Standstill(directory, machine);
    }

    @Test
    void whatADeadDaemonHasFrozenGoesOnOnce() throws Exception {
        fresh().begin(List.of(RUNNING), dead);
        assertThat(fresh().endIfForsaken()).isTrue();
        assertThat(told).containsExactly("go", "resume c1");
        assertThat(fresh().endIfForsaken()).isFalse();
        assertThat(told).hasSize(2);
        assertThat(directory).isEmptyDirectory();
    }

    @Test
    void whatWasPausedBeforeStaysSo() throws Exception {
        fresh().begin(List.of(new Standstill.Held("c1", 3, true)), dead);
        assertThat(fresh().endIfForsaken()).isTrue();
        assertThat(told).containsExactly("go", "pause 3");
    }

    @Test
    void allOfAPodGoOn() throws Exception {
        fresh().begin(
                        List.of(
                                new Standstill.Held("c1", 3, true),
                                new Standstill.Held("c2", 4, false),
                                new Standstill.Held("c3", 5, false)),
                        dead);
        assertThat(fresh().endIfForsaken()).isTrue();
        assertThat(told).containsExactly("go", "resume c2", "resume c3", "pause 3");
    }

    @Test
    void aCheckpointThatGoesOnIsLeftAlone() throws Exception {
        assertThat(fresh().endIfForsaken()).isFalse();
        fresh().begin(List.of(RUNNING));
        assertThat(fresh().endIfForsaken()).isFalse();
        assertThat(told).isEmpty();
        fresh().end();
        assertThat(told).containsExactly("go", "resume c1");
        fresh().end();
        assertThat(told).hasSize(2);
        assertThat(directory).isEmptyDirectory();
    }

    /** Another one has its number now. */
    @Test
    void aProcessIsKnownByItsStartToo() throws Exception {
        fresh().begin(List.of(RUNNING), new MachineProcess(Processes.pid(), 1));
        assertThat(fresh().endIfForsaken()).isTrue();
        assertThat(told).containsExactly("go", "resume c1");
    }

    @Test
    void itIsTriedAgainUntilTheGuestAnswers() throws Exception {
        fresh().begin(List.of(RUNNING), dead);
        refuses = Kind.UNAVAILABLE;
        assertThatExceptionOfType(ContainerFault.class).isThrownBy(() -> fresh().endIfForsaken());
        refuses = null;
        assertThat(fresh().endIfForsaken()).isTrue();
        assertThat(told).containsExactly("go", "go", "resume c1");
    }

    /** It died before it came so far, or the container did. */
    @Test
    void whatIsNotFrozenIsNoFault() throws Exception {
        for (Kind kind : List.of(Kind.WRONG_STATE, Kind.NOT_FOUND)) {
            fresh().begin(List.of(RUNNING), dead);
            refuses = kind;
            assertThat(fresh().endIfForsaken()).isTrue();
        }
        assertThat(told).containsExactly("go", "go");
        assertThat(directory).isEmptyDirectory();
    }

    @Test
    void aTornMarkIsNobodys() throws Exception {
        Files.writeString(directory.resolve("checkpoint"), "12 34");
        assertThat(fresh().endIfForsaken()).isFalse();
        assertThat(told).isEmpty();
    }
}
