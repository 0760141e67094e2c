package dev.caisson.tests.backends;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.testkit.Bundle;
import dev.caisson.backend.testkit.TestContainer;
import dev.caisson.oci.Mount;
import dev.caisson.oci.Seccomp;
import dev.caisson.oci.SeccompAction;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What is said about a program that is there and cannot be executed: first runc's words, then what is missing. */
final class ExecFailureTest extends NamespaceSuite {
    private static final String NO_SUCH_FILE = "exec: \"/x\": no such file or directory (ENOENT)";
    private static final String DENIED = "exec: \"/x\": permission denied (EACCES)";
    private static final String FORMAT = "exec: \"/x\": exec format error (ENOEXEC)";

    private Bundle script(String text) throws Exception {
        Bundle bundle = shell("unused").process(p -> p.args = List.of("/x"));
        Files.writeString(bundle.rootfs("x"), text);
        executable(bundle.rootfs("x"));
        return bundle;
    }

    private Bundle elf(int machine) throws Exception {
        Bundle bundle = shell("unused").process(p -> p.args = List.of("/x"));
        byte[] program = Files.readAllBytes(Path.of("/bin/true").toRealPath());
        program[18] = (byte) machine;
        Files.write(bundle.rootfs("x"), program);
        executable(bundle.rootfs("x"));
        return bundle;
    }

    private static void executable(Path file) throws Exception {
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    /** As the container's own program, and as one more in a container that runs. */
    private void fails(Bundle bundle, String message) throws Exception {
        try (TestContainer c = prepare(bundle).create()) {
            assertThatExceptionOfType(ContainerFault.class).isThrownBy(c::start).withMessage(message);
            c.awaitExit();
        }
        List<String> args = bundle.spec().process() == null
                ? List.of()
                : bundle.spec().process().args();
        bundle.process(p -> p.args = List.of("sh", "-c", "sleep 1000"));
        try (TestContainer c = prepare(bundle).create().start()) {
            assertThatExceptionOfType(ContainerFault.class)
                    .isThrownBy(() -> c.exec(bundle.exec(args.toArray(new String[0]))))
                    .withMessage(message);
            assertThat(c.execOutput("echo", "well")).isEqualTo("well\n");
        }
    }

    @Test
    void aMissingLoader() throws Exception {
        fails(
                elf(62),
                NO_SUCH_FILE + ": its loader /lib64/ld-linux-x86-64.so.2 cannot be found in the root file system");
    }

    @Test
    void aMissingInterpreter() throws Exception {
        fails(
                script("#!/usr/bin/python3 -u\nprint()\n"),
                NO_SUCH_FILE + ": its interpreter /usr/bin/python3 cannot be found in the root file system");
    }

    @Test
    void anInterpreterOutsideOfTheRootIsMissing() throws Exception {
        Bundle bundle = script("#!/up/bin/sh\n");
        Files.createSymbolicLink(bundle.rootfs("up"), Path.of("../../../../../../../../usr"));
        fails(bundle, NO_SUCH_FILE + ": its interpreter /up/bin/sh cannot be found in the root file system");
    }

    @Test
    void aCarriageReturn() throws Exception {
        fails(
                script("#!/bin/sh\r\necho\r\n"),
                NO_SUCH_FILE
                        + ": its interpreter /bin/sh? cannot be found in the root file system (the line ends with a"
                        + " carriage return)");
    }

    @Test
    void anInterpreterThatMayNotBeExecuted() throws Exception {
        Bundle bundle = script("#!/tool\n");
        Files.writeString(bundle.rootfs("tool"), "x");
        fails(bundle, DENIED + ": its interpreter /tool is not executable");
    }

    @Test
    void noProgram() throws Exception {
        fails(script("echo no first line"), FORMAT + ": it is neither an ELF program nor a script that begins with #!");
        fails(script(""), FORMAT + ": the file is empty");
        fails(elf(183), FORMAT + ": it is a program for another machine (ELF machine 183)");
    }

    @Test
    void aFileSystemWithoutExecution() throws Exception {
        Path dir = Files.createDirectories(temp.resolve("noexec"));
        Files.copy(Path.of("/bin/true").toRealPath(), dir.resolve("x"), StandardCopyOption.COPY_ATTRIBUTES);
        Bundle bundle = Bundles.withMounts(
                shell("unused").process(p -> p.args = List.of("/v/x")),
                new Mount("/v", dir.toString(), null, List.of("bind", "noexec"), List.of(), List.of()));
        try (TestContainer c = prepare(bundle)) {
            assertThatExceptionOfType(ContainerFault.class)
                    .isThrownBy(() -> c.create().container().start(c.init()))
                    .withMessageStartingWith("exec: \"/v/x\"")
                    .withMessageContaining("permission denied (EACCES)");
        }
    }

    @Test
    void aProfileThatRefusesExecve() throws Exception {
        Bundle bundle = shell("true")
                .linux(l -> l.seccomp = new Seccomp(
                        SeccompAction.ALLOW,
                        null,
                        List.of(),
                        null,
                        null,
                        null,
                        List.of(new Seccomp.Rule(List.of("execve"), SeccompAction.ERRNO, null, List.of()))));
        try (TestContainer c = prepare(bundle).create()) {
            assertThatExceptionOfType(ContainerFault.class)
                    .isThrownBy(c::start)
                    .withMessage("exec: \"sh\": the seccomp profile refuses execve: operation not permitted (EPERM)");
        }
    }
}
