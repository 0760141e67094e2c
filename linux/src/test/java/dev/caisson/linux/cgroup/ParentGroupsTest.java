package dev.caisson.linux.cgroup;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.Processes;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Tag("root")
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class ParentGroupsTest {
    private static final String TOP =
            "/caisson-test-parents-" + ProcessHandle.current().pid();
    private static final Duration LONG = Duration.ofHours(1);
    private static final Duration SHORT = Duration.ofMillis(50);
    private static final Duration SECONDS = Duration.ofSeconds(10);

    @TempDir
    Path directory;

    private CgroupLayout layout = new CgroupLayout(CgroupMode.V1, List.of());

    @BeforeEach
    void detect() throws Exception {
        assumeTrue(Processes.effectiveUid() == 0, "cgroups need root");
        layout = CgroupLayout.detect();
    }

    @AfterEach
    void nothingIsLeft() {
        assertThat(tops().stream().filter(HostFiles::exists)).isEmpty();
    }

    private List<String> tops() {
        List<String> tops = new ArrayList<>();
        for (CgroupHierarchy hierarchy : layout.hierarchies()) {
            tops.add(hierarchy.mountPoint() + TOP);
        }
        return tops;
    }

    private Path file() {
        return directory.resolve("groups");
    }

    private Cgroup create(String name, ParentGroups parents) throws Exception {
        return Cgroup.create(layout, CgroupPath.of(TOP + "/" + name, "unused"), Set.of(), parents, () -> {});
    }

    private void awaitNoTops() throws InterruptedException {
        long end = System.nanoTime() + SECONDS.toNanos();
        while (tops().stream().anyMatch(HostFiles::exists) && System.nanoTime() < end) {
            Thread.sleep(10);
        }
    }

    @Test
    void stayForTheNextOneAndBelongToNoContainer() throws Exception {
        try (ParentGroups parents = new ParentGroups(file(), LONG)) {
            Cgroup first = create("pod/one", parents);
            assertThat(first.state().created()).containsExactlyInAnyOrderElementsOf(Set.copyOf(first.directories()));
            String pod = CgroupHierarchy.parentOf(first.directories().getFirst());
            Object made = Files.getAttribute(Path.of(pod), "unix:ino");
            first.remove(SECONDS, parents);
            Cgroup second = create("pod/two", parents);
            assertThat(Files.getAttribute(Path.of(pod), "unix:ino")).isEqualTo(made);
            second.remove(SECONDS, parents);
            assertThat(pod).satisfies(p -> assertThat(HostFiles.exists(p)).isTrue());
        }
        // Closing does not wait for the hour.
        assertThat(file()).doesNotExist();
    }

    @Test
    void goAMomentAfterTheLastContainerWhoeverMadeThem() throws Exception {
        ParentGroups parents = new ParentGroups(file(), SHORT);
        Cgroup first = create("pod/one", parents);
        Cgroup second = create("pod/two", parents);
        first.remove(SECONDS, parents);
        Thread.sleep(SHORT.multipliedBy(4)); // the time in which they would go
        assertThat(second.directories()).allMatch(HostFiles::exists);
        second.remove(SECONDS, parents);
        awaitNoTops();
        nothingIsLeft();
        parents.close();
        assertThat(file()).doesNotExist();
    }

    @Test
    void whoComesNextRemovesWhatAKilledProcessHasLeft() throws Exception {
        ParentGroups killed = new ParentGroups(file(), LONG);
        create("pod/one", killed).remove(SECONDS, killed);
        assertThat(tops()).allMatch(HostFiles::exists);
        try (ParentGroups next = new ParentGroups(file(), SHORT)) {
            next.adopt();
            awaitNoTops();
            nothingIsLeft();
        }
    }

    @Test
    void whatSomebodyElseHasMadeStays() throws Exception {
        List<String> theirs = tops();
        for (String top : theirs) {
            assertThat(HostFiles.tryMkdir(top, 0755)).isEqualTo(Errno.SUCCESS);
        }
        try (ParentGroups parents = new ParentGroups(file(), LONG)) {
            create("pod/one", parents).remove(SECONDS, parents);
            for (String top : theirs) {
                // As if it had appeared after it was found missing.
                assertThat(parents.make(top)).isEqualTo(Errno.EEXIST);
            }
        }
        assertThat(theirs).allMatch(HostFiles::exists);
        theirs.forEach(HostFiles::tryRmdir);
    }

    @Test
    void aFileThatIsCutShortOrNonsenseNamesNothing() throws Exception {
        List<String> theirs = tops();
        theirs.forEach(top -> HostFiles.tryMkdir(top, 0755));
        Files.writeString(
                file(),
                "relative\n\n\u0000\n/sys/fs/cgroup/../cgroup" + TOP + "\n" + theirs.getFirst() + "/gone\n"
                        + theirs.getFirst());
        try (ParentGroups parents = new ParentGroups(file(), LONG)) {
            parents.adopt();
        }
        assertThat(theirs).allMatch(HostFiles::exists);
        theirs.forEach(HostFiles::tryRmdir);
    }

    @Test
    void areNotMadeWhereTheyCannotBeWrittenDown() {
        ParentGroups parents = new ParentGroups(directory.resolve("missing/groups"), LONG);
        assertThatThrownBy(() -> create("pod/one", parents))
                .isInstanceOf(ErrnoException.class)
                .hasMessageStartingWith("open " + directory + "/missing/groups")
                .hasMessageContaining("ENOENT");
    }
}
