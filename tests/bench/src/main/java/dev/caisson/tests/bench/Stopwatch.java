package dev.caisson.tests.bench;

import dev.caisson.tests.support.Command;
import java.nio.file.Path;

/** How long a command takes as its caller waits for it: from before vfork(2) to after wait4(2). */
record Stopwatch(Path program) {
    private static final Path NO_INPUT = Path.of("/dev/null");

    /**
     * Runs its arguments, the first of which is a file to read from, and prints the milliseconds that took: Java's own way to start a
     * process takes longer than some verbs, and a shell's fork longer than a shim's start.
     */
    private static final String SOURCE = """
            #define _GNU_SOURCE
            #include <fcntl.h>
            #include <stdio.h>
            #include <sys/wait.h>
            #include <time.h>
            #include <unistd.h>

            static double now(void)
            {
                struct timespec t;
                clock_gettime(CLOCK_MONOTONIC, &t);
                return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
            }

            int main(int argc, char **argv)
            {
                int status = argc, null = open("/dev/null", O_RDWR | O_CLOEXEC), in = open(argv[1], O_RDONLY | O_CLOEXEC);
                double begin = now(), end;
                pid_t pid = vfork();
                if (pid == 0) {
                    dup2(in, 0);
                    dup2(null, 1);
                    dup2(null, 2); /* or what a container inherits keeps the pipe */
                    execvp(argv[2], argv + 2);
                    _exit(127);
                }
                waitpid(pid, &status, 0);
                end = now();
                printf("%f\\n", end - begin);
                return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
            }
            """;

    static Stopwatch build() {
        return new Stopwatch(CProgram.build("stopwatch", SOURCE));
    }

    /** Milliseconds; the command must succeed. */
    double time(Command command) {
        return time(command, NO_INPUT);
    }

    /**
     * Milliseconds; the command must succeed.
     *
     * @param input what it reads
     */
    double time(Command command, Path input) {
        String printed =
                command.behind(program.toString(), input.toString()).run().ok().out();
        return Double.parseDouble(printed.strip());
    }
}
