package dev.caisson.trap.dispatch;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.bpf.SyscallAbi;
import dev.caisson.linux.bpf.SyscallTable;
import java.lang.reflect.Field;
import org.junit.jupiter.api.Test;

class NrTest {
    @Test
    void numbersAreThoseOfTheTable() throws IllegalAccessException {
        for (Field field : Nr.class.getFields()) {
            assertThat(SyscallTable.number(SyscallAbi.X86_64, field.getName()))
                    .as(field.getName())
                    .isEqualTo(field.getInt(null));
        }
    }
}
