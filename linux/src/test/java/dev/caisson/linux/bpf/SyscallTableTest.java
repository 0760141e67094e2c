package dev.caisson.linux.bpf;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SyscallTableTest {
    @ParameterizedTest
    @CsvSource({
        "read,0,3,0",
        "socketcall,-1,102,-1",
        "rt_sigaction,13,174,512",
        "clone3,435,435,435",
        "uprobe,336,-1,-1",
        "map_shadow_stack,453,453,-1",
        "file_setattr,469,469,469",
        "no_such_call,-1,-1,-1"
    })
    void knowsNumbers(String name, int native64, int i386, int x32) {
        assertThat(SyscallTable.number(SyscallAbi.X86_64, name)).isEqualTo(native64);
        assertThat(SyscallTable.number(SyscallAbi.I386, name)).isEqualTo(i386);
        assertThat(SyscallTable.number(SyscallAbi.X32, name)).isEqualTo(x32);
        if (native64 >= 0) {
            assertThat(SyscallTable.name(SyscallAbi.X86_64, native64)).isEqualTo(name);
        }
    }

    @ParameterizedTest
    @CsvSource({"X86_64,unistd_64.h,469", "I386,unistd_32.h,469", "X32,unistd_x32.h,547"})
    void agreesWithTheHeadersOfThisMachine(SyscallAbi abi, String header, int largest) throws IOException {
        assertThat(SyscallTable.largest(abi)).isEqualTo(largest);
        Path file = Path.of("/usr/include/x86_64-linux-gnu/asm", header);
        Assumptions.assumeTrue(Files.exists(file), "no kernel headers installed");
        Matcher m = Pattern.compile("#define __NR_(\\w+) \\(?(?:__X32_SYSCALL_BIT \\+ )?(\\d+)")
                .matcher(Files.readString(file));
        int seen = 0;
        while (m.find()) {
            int number = Integer.parseInt(m.group(2));
            // Headers newer than the table may know more.
            if (number <= largest) {
                assertThat(SyscallTable.number(abi, m.group(1))).as(m.group(1)).isEqualTo(number);
                assertThat(SyscallTable.name(abi, number)).isEqualTo(m.group(1));
                seen++;
            }
        }
        assertThat(seen).isGreaterThan(300);
    }
}
