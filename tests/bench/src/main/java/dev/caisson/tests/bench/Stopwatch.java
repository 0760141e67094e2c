package dev.caisson.tests.bench;

import dev.caisson.tests.support.Command;
import java.nio.file.Path;

/** How long a command takes as its caller waits for it: from before vfork(2) to after wait4(2). */
record Stopwatch(Path program) {
    /** Runs its arguments and prints the milliseconds that took: Java's own way to start a process takes longer than some verbs. */
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
                int status = argc, null = open("/dev/null", O_RDWR | O_CLOEXEC);
                double begin = now(), end;
                pid_t pid = vfork();
                if (pid == 0) {
                    dup2(null, 0);
                    dup2(null, 1);
                    dup2(null, 2); /* or what a container inherits keeps the pipe */
                    execv(argv[1], argv + 1);
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
        return Double.parseDouble(
                command.behind(program.toString()).run().ok().out().strip());
    }
}
