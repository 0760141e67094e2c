package dev.caisson.trap.filter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Constants against the C compiler's view of the kernel's headers. */
class KernelNamesTest {
    private static final String HEADERS = """
            #define _GNU_SOURCE
            #include <stdio.h>
            #include <fcntl.h>
            #include <sched.h>
            #include <time.h>
            #include <asm/prctl.h>
            #include <asm/termbits.h>
            #include <linux/falloc.h>
            #include <linux/futex.h>
            #include <linux/seccomp.h>
            #include <netinet/in.h>
            #include <sys/ioctl.h>
            #include <sys/ipc.h>
            #include <sys/mman.h>
            #include <sys/prctl.h>
            #include <sys/shm.h>
            #include <sys/socket.h>
            #include <sys/stat.h>
            """;
    /** Newer than the headers of Debian 12, or not meant for programs. */
    private static final Map<String, String> OWN = Map.of(
            "MFD_EXEC", "0x10",
            "MFD_NOEXEC_SEAL", "0x8",
            "PR_SET_VMA", "0x53564d41",
            "CLONE_DETACHED", "0x400000",
            "FUTEX_LOCK_PI2", "13",
            "S_IRWXUGO", "0777",
            "O_LARGEFILE", "0100000",
            "F_GETLK", "5",
            "F_SETLK", "6",
            "F_SETLKW", "7");

    @Test
    void agreesWithTheCompiler(@TempDir Path directory) throws Exception {
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/gcc")), "no C compiler");
        Map<String, Long> names = new TreeMap<>(KernelNames.all());
        StringBuilder source = new StringBuilder(HEADERS).append("int main(void) {\n");
        names.keySet()
                .forEach(name -> source.append("  printf(\"%llu\\n\", (unsigned long long)(unsigned)(")
                        .append(OWN.getOrDefault(name, name))
                        .append("));\n"));
        Path file = Files.writeString(directory.resolve("names.c"), source.append("  return 0;\n}\n"));
        Path program = directory.resolve("names");
        run("gcc", "-w", "-o", program.toString(), file.toString());
        String[] printed = run(program.toString()).strip().split("\n", -1);
        int i = 0;
        for (Map.Entry<String, Long> e : names.entrySet()) {
            assertThat(Long.parseLong(printed[i++])).as(e.getKey()).isEqualTo(e.getValue());
        }
    }

    private static String run(String... command) throws Exception {
        Process p = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(p.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(p.waitFor()).as(output).isZero();
        return output;
    }
}
