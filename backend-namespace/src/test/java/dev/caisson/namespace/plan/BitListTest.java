package dev.caisson.namespace.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;

final class BitListTest {
    @Test
    void listsAreMasksOfWholeWords() {
        assertThat(BitList.mask("0-3,7")).isEqualTo(new byte[] {(byte) 0x8f, 0, 0, 0, 0, 0, 0, 0});
        assertThat(BitList.mask("64")).hasSize(16).startsWith(0, 0, 0, 0, 0, 0, 0, 0, 1);
        assertThat(BitList.mask("8191")).hasSize(1024);
    }

    @Test
    void impossibleListsAreRefused() {
        for (String list : new String[] {"3-1", "8192", "-1", "", "a", "1,", "0-99999999"}) {
            assertThatIllegalArgumentException().as(list).isThrownBy(() -> BitList.mask(list));
        }
    }
}
