package dev.caisson.linux.cgroup;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CgroupPathTest {
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "/a/b              | /a/b                                                  | false",
                "//a/./b/          | /a/b                                                  | false",
                "a/b               | /a/b                                                  | true",
                "./a               | /a                                                    | true",
                "/k8s.io/a:b:c     | /k8s.io/a:b:c                                         | false",
                "''                | /id-1                                                 | false",
                "a.slice:cri:x     | /a.slice/cri-x.scope                                  | false",
                "a-b-c.slice:cri:x | /a.slice/a-b.slice/a-b-c.slice/cri-x.scope            | false",
                ":cri:x            | /system.slice/cri-x.scope                             | false",
                "a.slice::x        | /a.slice/x.scope                                      | false",
                "-.slice:cri:x     | /cri-x.scope                                          | false",
                "a.slice:p:u.slice | /a.slice/u.slice                                      | false",
                "a:b               | /a:b                                                  | true",
            })
    void resolves(String text, String path, boolean relative) throws Exception {
        assertThat(CgroupPath.of(text, "id-1")).isEqualTo(new CgroupPath(path, relative));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "/",
                "//.",
                ".",
                "/../a",
                "a/../../b",
                "..",
                "/a\0b",
                "a.service:cri:x",
                "a.slice:cri:",
                ".slice:a:b",
                "-a.slice:b:c",
                "a--b.slice:c:d",
                "a-.slice:b:c"
            })
    void refuses(String text) {
        assertThatThrownBy(() -> CgroupPath.of(text, "id-1"))
                .isInstanceOf(CgroupException.class)
                .hasMessageStartingWith("resolve cgroups path '" + text.replace('\0', '?') + "': ");
    }

    private static String directory(CgroupLayout layout, String controller, String path) throws Exception {
        return CgroupPath.of(path, "id").directory(Objects.requireNonNull(layout.of(controller)));
    }

    @Test
    void relativeStartsAtTheOwnGroupOnVersion1AndBesideItOnVersion2() throws Exception {
        assertThat(directory(Layouts.v1(), "memory", "x"))
                .isEqualTo("/sys/fs/cgroup/memory/system.slice/caisson.service/x");
        assertThat(directory(Layouts.v1(), "cpuset", "x")).isEqualTo("/sys/fs/cgroup/cpuset/x");
        assertThat(directory(Layouts.v2(), "memory", "x")).isEqualTo("/sys/fs/cgroup/system.slice/x");
        assertThat(directory(Layouts.hybrid(), "hugetlb", "x")).isEqualTo("/sys/fs/cgroup/unified/x");
        assertThat(directory(Layouts.v2(), "memory", "/x")).isEqualTo("/sys/fs/cgroup/x");
    }

    @Test
    void insideAContainerTheVisiblePartCounts() throws Exception {
        CgroupLayout nested = Layouts.nested();
        assertThat(directory(nested, "memory", "/docker/abc/x")).isEqualTo("/sys/fs/cgroup/memory/x");
        assertThat(directory(nested, "memory", "/docker/abcd/x")).isEqualTo("/sys/fs/cgroup/memory/docker/abcd/x");
        assertThat(directory(nested, "memory", "/x")).isEqualTo("/sys/fs/cgroup/memory/x");
        assertThat(directory(nested, "memory", "x")).isEqualTo("/sys/fs/cgroup/memory/inner/deep/x");
        assertThat(directory(nested, "pids", "x")).isEqualTo("/sys/fs/cgroup/pids/x");
        CgroupHierarchy sibling =
                new CgroupHierarchy(false, List.of("pids"), "/sys/fs/cgroup/pids", "/docker/abc", "/docker/abcd");
        assertThat(CgroupPath.of("x", "id").directory(sibling)).isEqualTo("/sys/fs/cgroup/pids/x");
        CgroupHierarchy outside = new CgroupHierarchy(true, List.of(), "/sys/fs/cgroup", "/", "/../../elsewhere");
        assertThat(CgroupPath.of("x", "id").directory(outside)).isEqualTo("/sys/fs/cgroup/x");
    }
}
