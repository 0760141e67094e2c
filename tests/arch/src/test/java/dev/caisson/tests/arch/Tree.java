package dev.caisson.tests.arch;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/** The clone that is being built: its class files by module, and its documents. */
final class Tree {
    /** Modules whose classes ship, and which therefore stand on the ladder. */
    static final List<String> MODULES = List.of(
            "linux",
            "oci",
            "ttrpc",
            "backend-api",
            "backend-namespace",
            "backend-seccomp-trap",
            "backend-kvm",
            "shim",
            "cli",
            "caissond",
            "agent",
            "guest-image");

    static final Path ROOT = Path.of(System.getProperty("caisson.root", "../.."))
            .toAbsolutePath()
            .normalize();

    /** Classes of each module that has any. */
    static final Map<String, JavaClasses> CLASSES = load();

    private static final Map<String, String> OWNER = owners();

    private Tree() {}

    private static Map<String, JavaClasses> load() {
        Map<String, JavaClasses> all = new TreeMap<>();
        for (String module : MODULES) {
            Path classes = ROOT.resolve(module).resolve("target/classes");
            if (Files.isDirectory(classes)) {
                all.put(module, new ClassFileImporter().importPath(classes));
            }
        }
        return all;
    }

    private static Map<String, String> owners() {
        Map<String, String> owners = new TreeMap<>();
        CLASSES.forEach((module, classes) -> classes.forEach(each -> owners.put(each.getName(), module)));
        return owners;
    }

    /** The module that a class of ours is compiled in; empty for everybody else's classes. */
    static String moduleOf(JavaClass type) {
        return OWNER.getOrDefault(type.getBaseComponentType().getName(), "");
    }

    /** All classes of all modules. */
    static Stream<JavaClass> classes() {
        return CLASSES.values().stream().flatMap(JavaClasses::stream);
    }

    /** What protoc wrote, and nobody maintains. */
    static boolean generated(JavaClass type) {
        String name = type.getPackageName();
        return name.startsWith("dev.caisson.ttrpc.proto") || name.equals("dev.caisson.namespace.criu.rpc");
    }

    /** Files below the root whose name ends in {@code suffix}, without what is built. */
    static List<Path> files(String suffix) {
        try (Stream<Path> walk = Files.walk(ROOT)) {
            return walk.filter(file -> file.toString().endsWith(suffix))
                    .filter(file -> {
                        String inside = "/" + ROOT.relativize(file);
                        return !inside.contains("/target/") && !inside.startsWith("/build/") && !inside.contains("/.");
                    })
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException("list " + ROOT, e);
        }
    }

    static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException("read " + file, e);
        }
    }
}
