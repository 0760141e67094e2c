package dev.caisson.trap.proc;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class MountTextTest {
    @Test
    void mountinfoTellsNothingOfTheHost() {
        String line = "36 25 0:31 /var/lib/x/fs /data rw,relatime master:1 - overlay overlay "
                + "rw,lowerdir=/var/lib/a:/var/lib/b,upperdir=/var/lib/c,workdir=/var/lib/d,index=off\n";
        assertThat(MountText.withoutHost("mountinfo", line))
                .isEqualTo("36 25 0:31 / /data rw,relatime master:1 - overlay overlay rw,index=off\n");
    }

    @Test
    void mountsTellNothingOfTheHost() {
        assertThat(MountText.withoutHost("mounts", "/dev/vda1 /etc/hosts ext4 rw,relatime 0 0\n"))
                .isEqualTo("ext4 /etc/hosts ext4 rw,relatime 0 0\n");
    }
}
