package dev.caisson.tests.arch;

import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.Dependency;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.domain.PackageMatcher;
import com.tngtech.archunit.library.dependencies.SliceAssignment;
import com.tngtech.archunit.library.dependencies.SliceIdentifier;
import com.tngtech.archunit.library.dependencies.SlicesRuleDefinition;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BiPredicate;
import org.junit.jupiter.api.Test;

/** Who may use whom: ARCHITECTURE.md, "Modules". */
class LadderTest {
    /** A module, and the modules of ours that its classes may name. */
    private static final Map<String, Set<String>> MAY_USE = Map.ofEntries(
            Map.entry("linux", Set.of()),
            Map.entry("oci", Set.of()),
            Map.entry("ttrpc", Set.of()),
            Map.entry("backend-api", Set.of("oci", "linux")),
            Map.entry("backend-namespace", Set.of("backend-api", "oci", "linux")),
            Map.entry("backend-seccomp-trap", Set.of("backend-api", "backend-namespace", "oci", "linux")),
            Map.entry("backend-kvm", Set.of("backend-api", "oci", "linux", "ttrpc")),
            Map.entry("shim", Set.of("ttrpc", "backend-api", "oci", "linux")),
            Map.entry("cli", Set.of("backend-api", "oci", "linux")),
            Map.entry("caissond", Set.of("shim", "cli", "ttrpc", "backend-api", "oci", "linux")),
            Map.entry("guest-image", Set.of("backend-kvm", "linux")),
            Map.entry("agent", Set.of("shim", "ttrpc", "backend-api", "backend-namespace", "oci", "linux")));

    private static List<String> violations(BiPredicate<JavaClass, Dependency> forbidden) {
        TreeSet<String> found = new TreeSet<>();
        Tree.classes()
                .forEach(type -> type.getDirectDependenciesFromSelf().forEach(dependency -> {
                    if (forbidden.test(type, dependency)) {
                        found.add(type.getName() + " uses "
                                + dependency.getTargetClass().getName());
                    }
                }));
        return new ArrayList<>(found);
    }

    private static boolean in(JavaClass type, String... packages) {
        for (String each : packages) {
            if (PackageMatcher.of(each).matches(type.getPackageName())) {
                return true;
            }
        }
        return false;
    }

    private static List<String> packageFence(String library, String... allowed) {
        return violations((type, dependency) -> in(dependency.getTargetClass(), library) && !in(type, allowed));
    }

    @Test
    void everyModuleThatHasClassesWasRead() {
        assertThat(Tree.CLASSES.keySet())
                .contains("linux", "oci", "ttrpc", "backend-api", "backend-namespace", "shim", "cli", "caissond");
        assertThat(MAY_USE.keySet()).containsExactlyInAnyOrderElementsOf(Tree.MODULES);
    }

    /** Backends do not see each other, shim and cli see none, and the daemon finds them by ServiceLoader. */
    @Test
    void modulesUseOnlyWhatStandsBelowThem() {
        assertThat(violations((type, dependency) -> {
                    String from = Tree.moduleOf(type);
                    String to = Tree.moduleOf(dependency.getTargetClass());
                    return !to.isEmpty()
                            && !from.equals(to)
                            && !MAY_USE.getOrDefault(from, Set.of()).contains(to);
                }))
                .isEmpty();
    }

    @Test
    void nativeCodeIsReachedThroughLinuxOnly() {
        assertThat(packageFence("java.lang.foreign..", "dev.caisson.linux..")).isEmpty();
        assertThat(Tree.classes()
                        .flatMap(type -> type.getMethods().stream())
                        .filter(method -> method.getModifiers().contains(JavaModifier.NATIVE))
                        .map(method -> method.getOwner().getName())
                        .distinct())
                .containsExactly("dev.caisson.linux.Libc");
        assertThat(violations((type, dependency) ->
                        dependency.getTargetClass().getName().equals("dev.caisson.linux.Libc")
                                && !in(type, "dev.caisson.linux..")))
                .isEmpty();
    }

    @Test
    void messagesStayInFrontOfTheSeam() {
        // Training is the installer's: it plays containerd. CRIU's messages are that program's, not containerd's.
        assertThat(violations((type, dependency) -> (in(dependency.getTargetClass(), "dev.caisson.ttrpc.proto..")
                                || in(dependency.getTargetClass(), "com.google.protobuf.."))
                        && !in(
                                type,
                                "dev.caisson.ttrpc..",
                                "dev.caisson.shim..",
                                "dev.caisson.kvm.guest",
                                "dev.caisson.namespace.criu..",
                                "dev.caisson.agent")
                        && !type.getName().startsWith("dev.caisson.daemon.Training")))
                .isEmpty();
        assertThat(packageFence(
                        "dev.caisson.ttrpc.proto..",
                        "dev.caisson.ttrpc..",
                        "dev.caisson.shim.translate",
                        "dev.caisson.shim.task",
                        "dev.caisson.shim.events",
                        "dev.caisson.shim.command",
                        "dev.caisson.shim.sandbox",
                        "dev.caisson.kvm.guest",
                        "dev.caisson.agent",
                        "dev.caisson.daemon"))
                .isEmpty();
    }

    @Test
    void jsonIsReadByOciAndTheRecordsAndNettyIsTtrpcsAlone() {
        assertThat(packageFence("com.fasterxml.jackson..", "dev.caisson.oci..", "dev.caisson.backend.state"))
                .isEmpty();
        assertThat(packageFence("io.netty..", "dev.caisson.ttrpc..")).isEmpty();
    }

    /** What unpacks kernels and packages is no business of a running machine. */
    @Test
    void archivesAreReadWhereImagesAreMade() {
        assertThat(packageFence("org.apache.commons.compress..", "dev.caisson.image"))
                .isEmpty();
        assertThat(packageFence("org.tukaani..", "dev.caisson.image")).isEmpty();
    }

    /** A device sees queues and memory; that there is a KVM is the machine's business. */
    @Test
    void devicesDoNotKnowKvm() {
        assertThat(violations((type, dependency) -> in(
                                dependency.getTargetClass(), "dev.caisson.kvm.sys", "dev.caisson.kvm.vm")
                        && in(type, "dev.caisson.kvm.virtio..", "dev.caisson.kvm.device", "dev.caisson.kvm.memory")))
                .isEmpty();
    }

    /** One package speaks D-Bus, and nobody has it loaded who does not ask for the systemd driver. */
    @Test
    void theBusIsReachedThroughTheSystemdDriverOnly() {
        assertThat(packageFence("org.freedesktop..", "dev.caisson.namespace.systemd"))
                .isEmpty();
        assertThat(violations((type, dependency) ->
                        dependency.getTargetClass().getName().equals("dev.caisson.namespace.systemd.Bus")
                                && !in(type, "dev.caisson.namespace.systemd")))
                .isEmpty();
    }

    private static SliceIdentifier slice(JavaClass type) {
        if (Tree.generated(type)) {
            return SliceIdentifier.ignore();
        }
        return SliceIdentifier.of(type.getPackageName());
    }

    @Test
    void packagesOfAModuleHaveNoCycles() {
        SliceAssignment packages = new SliceAssignment() {
            @Override
            public SliceIdentifier getIdentifierOf(JavaClass type) {
                return slice(type);
            }

            @Override
            public String getDescription() {
                return "packages";
            }
        };
        for (JavaClasses classes : Tree.CLASSES.values()) {
            SlicesRuleDefinition.slices()
                    .assignedFrom(packages)
                    .should()
                    .beFreeOfCycles()
                    .allowEmptyShould(true)
                    .check(classes);
        }
    }
}
