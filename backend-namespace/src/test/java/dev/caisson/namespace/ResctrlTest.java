package dev.caisson.namespace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.oci.Linux;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Against a tree that behaves as Documentation/filesystems/resctrl.rst says. */
final class ResctrlTest {
    private static final String MOUNTS = "22 1 0:20 / /sys rw - sysfs sysfs rw\n"
            + "90 22 0:50 / /sys/fs/resctrl rw,relatime shared:9 - resctrl resctrl rw\n";

    /** Files by path; a new class has the whole cache, as the kernel gives it. */
    private static final class Kernel implements Resctrl.Tree {
        private static final String WHOLE = "    MB:0=100;1=100\n    L3:0=0fff;1=0fff\n";

        private final TreeMap<String, String> files = new TreeMap<>();
        private final Set<String> ended = new HashSet<>();
        private @Nullable String refused;

        Kernel() {
            group("/sys/fs/resctrl");
        }

        private void group(String path) {
            files.put(path, "");
            files.put(path + "/tasks", "");
            if (!path.contains("/mon_groups/")) {
                files.put(path + "/schemata", WHOLE);
            }
        }

        @Override
        public Errno mkdir(String path) {
            if (files.containsKey(path)) {
                return Errno.EEXIST;
            }
            group(path);
            return Errno.SUCCESS;
        }

        @Override
        public Errno rmdir(String path) {
            return files.keySet().removeIf(f -> f.equals(path) || f.startsWith(path + "/"))
                    ? Errno.SUCCESS
                    : Errno.ENOENT;
        }

        @Override
        public boolean exists(String path) {
            return files.containsKey(path);
        }

        @Override
        public String read(String path) throws ErrnoException {
            String text = files.get(path);
            if (text == null) {
                throw new ErrnoException(Errno.ENOENT, "open", path);
            }
            return text;
        }

        @Override
        public void write(String path, String text) throws ErrnoException {
            if (text.strip().equals(refused) || !files.containsKey(path)) {
                throw new ErrnoException(Errno.EINVAL, "write", path);
            }
            if (path.endsWith("/tasks") && ended.contains(text)) {
                throw new ErrnoException(Errno.ESRCH, "write", path);
            }
            files.merge(path, text, String::concat);
        }

        @Override
        public List<Integer> tasks(int pid) {
            return List.of(pid, pid + 1);
        }
    }

    private final Kernel kernel = new Kernel();

    private Resctrl resctrl(@Nullable String closId, @Nullable String l3, boolean monitoring, String... schemata)
            throws ResctrlException {
        var wanted = new Linux.IntelRdt(closId, List.of(schemata), l3, null, monitoring);
        return Objects.requireNonNull(Resctrl.of(wanted, "c1", MOUNTS, kernel));
    }

    @Test
    void withoutAMountItIsRefused() throws Exception {
        var wanted = new Linux.IntelRdt(null, List.of(), null, null, false);
        assertThatThrownBy(() ->
                        Resctrl.of(wanted, "c1", MOUNTS.lines().findFirst().orElseThrow(), kernel))
                .hasMessage(
                        "linux.intelRdt: no resctrl is mounted on this host (mount -t resctrl resctrl /sys/fs/resctrl)");
        assertThat(Resctrl.of(null, "c1", "", kernel)).isNull();
        assertThatThrownBy(() -> resctrl("info", null, false)).hasMessageContaining("info cannot be");
    }

    @Test
    void aClassOfItsOwnComesAndGoes() throws Exception {
        Resctrl r = resctrl(null, "L3:0=ff", true, "MB:0=50");
        r.make();

        assertThat(kernel.files.get("/sys/fs/resctrl/c1/schemata")).isEqualTo(Kernel.WHOLE + "L3:0=ff\nMB:0=50\n");
        assertThat(r.taskFiles())
                .containsExactly("/sys/fs/resctrl/c1/tasks", "/sys/fs/resctrl/c1/mon_groups/c1/tasks")
                .allMatch(kernel.files::containsKey);
        r.join(4711);
        assertThat(kernel.files.get("/sys/fs/resctrl/c1/mon_groups/c1/tasks")).isEqualTo("4711");

        r.remove();
        r.remove();
        assertThat(kernel.files).doesNotContainKey("/sys/fs/resctrl/c1").containsKey("/sys/fs/resctrl");
    }

    @Test
    void whatTheKernelRefusesLeavesNothing() throws Exception {
        kernel.refused = "L3:0=1";
        Resctrl r = resctrl(null, "L3:0=1", true);

        assertThatThrownBy(r::make)
                .isInstanceOf(ErrnoException.class)
                .hasMessageContaining("/sys/fs/resctrl/c1/schemata");
        assertThat(kernel.files).doesNotContainKey("/sys/fs/resctrl/c1");
    }

    @Test
    void aNamedClassIsComparedAndStays() throws Exception {
        assertThatThrownBy(() -> resctrl("gold", null, false).make()).hasMessageContaining("there is no class");
        resctrl("gold", "L3:0=f0", false).make();
        assertThat(kernel.files).containsKey("/sys/fs/resctrl/gold");

        kernel.files.put("/sys/fs/resctrl/gold/schemata", "    MB:0=100;1=100\n    L3:0=00f0;1=0fff\n");
        resctrl("gold", "L3:0=f0;1=fff", false).make();
        resctrl("gold", null, false).make();
        assertThatThrownBy(() -> resctrl("gold", "L3:0=f", false).make())
                .hasMessage("linux.intelRdt: class /sys/fs/resctrl/gold exists and has f0 for L3:0, not f");
        assertThatThrownBy(() -> resctrl("gold", "L2:0=f", false).make()).hasMessageContaining("nothing for L2:0");

        Resctrl watched = resctrl("gold", null, true);
        watched.make();
        watched.remove();
        assertThat(kernel.files)
                .containsKey("/sys/fs/resctrl/gold")
                .doesNotContainKey("/sys/fs/resctrl/gold/mon_groups/c1");
    }

    @Test
    void theRootClassIsThere() throws Exception {
        Resctrl r = resctrl("/", null, true);
        r.make();
        assertThat(r.taskFiles()).containsExactly("/sys/fs/resctrl/tasks", "/sys/fs/resctrl/mon_groups/c1/tasks");
        r.remove();
        assertThat(kernel.files).containsKey("/sys/fs/resctrl").doesNotContainKey("/sys/fs/resctrl/mon_groups/c1");
    }

    @Test
    void aRunningContainersClassIsWrittenTo() throws Exception {
        resctrl("gold", "L3:0=f0", false).make();

        resctrl("gold", "L3:0=f", false).update();
        assertThat(kernel.files.get("/sys/fs/resctrl/gold/schemata")).isEqualTo(Kernel.WHOLE + "L3:0=f0\nL3:0=f\n");

        kernel.refused = "L3:0=0";
        assertThatThrownBy(() -> resctrl("gold", "L3:0=0", false).update())
                .isInstanceOf(ErrnoException.class)
                .hasMessageContaining("/sys/fs/resctrl/gold/schemata");
    }

    @Test
    void allThreadsOfAProcessAreMovedButThoseThatEnded() throws Exception {
        Resctrl r = resctrl(null, "L3:0=ff", false);
        r.make();
        kernel.ended.add("100");
        r.joinIfThere(100);
        assertThat(kernel.files.get("/sys/fs/resctrl/c1/tasks")).isEqualTo("101");
    }
}
