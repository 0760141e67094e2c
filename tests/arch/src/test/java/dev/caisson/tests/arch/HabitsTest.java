package dev.caisson.tests.arch;

import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaModifier;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.Test;

/** What holds for every class. */
class HabitsTest {
    /** Decisions: the same input gives the same answer, and nothing else happens. */
    private static final List<String> PURE = List.of(
            "dev.caisson.oci",
            "dev.caisson.backend.lifecycle",
            "dev.caisson.namespace.plan",
            "dev.caisson.trap.filter",
            "dev.caisson.kvm.x86",
            "dev.caisson.kvm.plan",
            "dev.caisson.linux.bpf",
            "dev.caisson.linux.plan");

    private static final Set<String> EFFECTS = Set.of(
            "java.lang.Process",
            "java.lang.ProcessBuilder",
            "java.lang.ProcessHandle",
            "java.lang.Runtime",
            "java.io.File",
            "java.io.FileInputStream",
            "java.io.FileOutputStream",
            "java.io.RandomAccessFile",
            "java.nio.file.Files",
            "java.nio.channels.FileChannel",
            "java.nio.channels.SocketChannel",
            "java.net.Socket",
            "java.util.concurrent.CompletableFuture",
            "java.util.concurrent.Executors",
            "java.util.Timer");

    private static final Pattern EMPTY_NAME = Pattern.compile(".*(Manager|Helper|Helpers|Util|Utils)");

    private static List<String> names(Predicate<JavaClass> wanted) {
        return Tree.classes().filter(wanted).map(JavaClass::getName).sorted().toList();
    }

    @Test
    void decisionsStartNoThreadAndOpenNoFile() {
        TreeSet<String> found = new TreeSet<>();
        Tree.classes()
                .filter(type -> PURE.contains(type.getPackageName()))
                .forEach(type -> type.getAccessesFromSelf().forEach(access -> {
                    String owner = access.getTargetOwner().getName();
                    boolean thread = owner.equals("java.lang.Thread")
                            && !access.getName().equals("currentThread");
                    if (EFFECTS.contains(owner) || thread) {
                        found.add(access.getDescription());
                    }
                }));
        assertThat(found).isEmpty();
        // A package that was renamed would pass unseen.
        assertThat(PURE)
                .allSatisfy(name -> assertThat(Tree.classes().map(JavaClass::getPackageName))
                        .contains(name));
    }

    @Test
    void onlyMainClassesEndTheProcess() {
        assertThat(names(type -> type.getMethodCallsFromSelf().stream()
                                .anyMatch(call -> call.getTargetOwner().isEquivalentTo(System.class)
                                        && call.getName().equals("exit"))
                        && type.getMethods().stream()
                                .noneMatch(method -> method.getName().equals("main")
                                        && method.getModifiers().contains(JavaModifier.STATIC))))
                .isEmpty();
    }

    @Test
    void namesSayWhatAClassDoes() {
        assertThat(names(type -> EMPTY_NAME.matcher(type.getSimpleName()).matches()))
                .isEmpty();
    }

    @Test
    void everyPackageIsNullMarked() {
        TreeSet<String> unmarked = new TreeSet<>();
        Tree.CLASSES
                .values()
                .forEach(classes -> classes.stream()
                        .filter(type -> !Tree.generated(type))
                        .forEach(type -> {
                            boolean marked = type.getPackage()
                                    .tryGetPackageInfo()
                                    .filter(info -> info.isAnnotatedWith(NullMarked.class))
                                    .isPresent();
                            if (!marked) {
                                unmarked.add(type.getPackageName());
                            }
                        }));
        assertThat(unmarked).isEmpty();
    }
}
