package dev.caisson.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.commons.compress.archivers.cpio.CpioArchiveEntry;
import org.apache.commons.compress.archivers.cpio.CpioArchiveInputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class InitramfsTest {
    @TempDir
    Path directory;

    private static byte[] text(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    @Test
    void directoriesStandBeforeWhatIsInThemAndNothingTellsTheTime() throws Exception {
        Initramfs one = new Initramfs();
        one.program("init", text("program"));
        one.file("a/b/c", text("data"));
        one.directory("a/empty");
        Initramfs other = new Initramfs();
        other.directory("a/empty");
        other.file("a/b/c", text("data"));
        other.program("init", text("program"));
        assertThat(one.bytes()).isEqualTo(other.bytes());

        List<String> found = new ArrayList<>();
        try (CpioArchiveInputStream cpio = new CpioArchiveInputStream(new ByteArrayInputStream(one.bytes()))) {
            for (CpioArchiveEntry e = cpio.getNextEntry(); e != null; e = cpio.getNextEntry()) {
                found.add(Long.toOctalString(e.getMode()) + " " + e.getName() + " " + e.getTime());
                if (e.getName().equals("a/b/c")) {
                    assertThat(cpio.readAllBytes()).isEqualTo(text("data"));
                }
            }
        }
        assertThat(found)
                .containsExactly("40755 a 0", "40755 a/b 0", "100644 a/b/c 0", "40755 a/empty 0", "100755 init 0");
    }

    private static byte[] module(String depends) {
        return text("\u007fELF\0license=GPL\0depends=" + depends + "\0name=x\0");
    }

    @Test
    void modulesComeBehindWhatTheyNeed() throws Exception {
        KernelModules modules = new KernelModules(
                Map.of(
                        "kernel/a/top.ko", module("mid-dle,low"),
                        "kernel/a/mid-dle.ko", module("low"),
                        "kernel/b/low.ko", module(""),
                        "kernel/b/other.ko", module("built_in")),
                "kernel/c/built-in.ko\n");
        assertThat(modules.inLoadOrder(List.of("top", "other", "low", "built-in"))
                        .keySet())
                .containsExactly("low", "mid_dle", "top", "other");
        assertThatThrownBy(() -> modules.inLoadOrder(List.of("absent")))
                .hasMessage("kernel module absent is not in the package");
    }

    @Test
    void thePlanMountsBeforeItLoads() {
        assertThat(BootPlan.of(List.of("/modules/x.ko")).dump())
                .containsSubsequence(
                        "mount(\"devtmpfs\", \"/dev\"",
                        "openat(-100, \"/modules/x.ko\"",
                        "finit_module(r0",
                        "close(r0)",
                        "mount(\"cgroup2\"");
    }

    @Test
    void whatIsNoPackageIsNamed() throws Exception {
        Path file = Files.write(directory.resolve("no.deb"), text("not an ar archive at all, but long enough"));
        assertThatThrownBy(() -> DebianPackage.read(file, path -> true))
                .isInstanceOf(ImageException.class)
                .hasMessageContaining("read package " + file);
    }
}
