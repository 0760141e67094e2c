package dev.caisson.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.cli.grammar.ArgumentReader;
import dev.caisson.cli.grammar.UsageException;
import dev.caisson.oci.ProcessSpec;
import dev.caisson.oci.Resources;
import dev.caisson.oci.SpecTemplate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The process and the limits that flags describe. */
class ExecProcessTest {
    private static ProcessSpec exec(int listenFds, String... argv) throws UsageException, Failure {
        List<String> all = new ArrayList<>(List.of("exec"));
        all.addAll(Arrays.asList(argv));
        return ExecProcess.of(SpecTemplate.rootful(false), ArgumentReader.read(all), listenFds);
    }

    @Test
    void itIsTheContainersOwnWithOtherArguments() throws UsageException, Failure {
        ProcessSpec p = exec(0, "c1", "ls", "-l");
        assertThat(p.args()).containsExactly("ls", "-l");
        assertThat(p.terminal()).isFalse(); // the container's own has one
        assertThat(p.cwd()).isEqualTo("/");
        assertThat(p.env()).contains("TERM=xterm");
        assertThat(p.noNewPrivileges()).isTrue();
    }

    @Test
    void flagsChangeIt() throws UsageException, Failure {
        ProcessSpec p = exec(
                2,
                "-t",
                "--cwd",
                "/x",
                "-e",
                "A=b",
                "-u",
                "5:6",
                "-g",
                "7",
                "-g",
                "8",
                "-c",
                "CAP_SYS_PTRACE",
                "c1",
                "sh");
        assertThat(p.terminal()).isTrue();
        assertThat(p.cwd()).isEqualTo("/x");
        assertThat(p.env()).endsWith("A=b", "LISTEN_FDS=2", "LISTEN_PID=1");
        assertThat(p.user()).isEqualTo(new ProcessSpec.User(5, 6, null, List.of(7L, 8L)));
        ProcessSpec.Capabilities caps = java.util.Objects.requireNonNull(p.capabilities());
        assertThat(caps.effective()).contains("CAP_KILL", "CAP_SYS_PTRACE");
        assertThat(caps.bounding()).contains("CAP_SYS_PTRACE");
        assertThat(caps.permitted()).contains("CAP_SYS_PTRACE");
        assertThat(caps.inheritable()).isEmpty();
        assertThat(caps.ambient()).doesNotContain("CAP_SYS_PTRACE"); // it is not inheritable
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "-1", "4294967295", "99999999999", "0x0", "root", "1:", ":1", "1:2:3", "1 "})
    void anIdIsANumberOfTheKernels(String user) {
        assertThatThrownBy(() -> exec(0, "--user", user, "c1", "sh")).isInstanceOf(Failure.class);
    }

    @Test
    void aProgramIsNeeded() {
        assertThatThrownBy(() -> exec(0, "c1")).hasMessage("process args cannot be empty");
    }

    @Test
    void limitsComeFromFlags() throws UsageException, Failure {
        Resources r = UpdateFlags.of(ArgumentReader.read(List.of(
                "update",
                "--memory",
                "64m",
                "--memory-swap=-1",
                "--cpu-quota",
                "-1",
                "--cpuset-cpus",
                "0-1",
                "--pids-limit",
                "5",
                "c1")));
        Resources.Memory memory = java.util.Objects.requireNonNull(r.memory());
        assertThat(memory.limit()).isEqualTo(64L << 20);
        assertThat(memory.swap()).isEqualTo(-1);
        assertThat(memory.reservation()).isNull();
        Resources.Cpu cpu = java.util.Objects.requireNonNull(r.cpu());
        assertThat(cpu.quota()).isEqualTo(-1);
        assertThat(cpu.cpus()).isEqualTo("0-1");
        assertThat(r.pids()).isEqualTo(new Resources.Pids(5L));
        assertThat(r.blockIo()).isNull();
        assertThatThrownBy(() -> UpdateFlags.of(ArgumentReader.read(List.of("update", "--pids-limit", "many", "c1"))))
                .isInstanceOf(UsageException.class);
    }
}
