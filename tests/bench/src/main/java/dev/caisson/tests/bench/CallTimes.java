package dev.caisson.tests.bench;

import java.nio.file.Path;

/**
 * A program that prints what single system calls cost it: a name and microseconds a line. First with nobody else at work, then with as many processes that make
 * the same call as there are processors.
 */
final class CallTimes {
    private static final String SOURCE = """
            #define _GNU_SOURCE
            #include <fcntl.h>
            #include <poll.h>
            #include <stdio.h>
            #include <stdlib.h>
            #include <sys/mman.h>
            #include <sys/stat.h>
            #include <sys/syscall.h>
            #include <sys/wait.h>
            #include <time.h>
            #include <unistd.h>

            static int null, zero, dir, fds[2];
            static char name[4096], path[4200], buffer[65536];

            static double now(void)
            {
                struct timespec t;
                clock_gettime(CLOCK_MONOTONIC, &t);
                return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
            }

            static void get_pid(void) { syscall(SYS_getpid); }
            static void read_64(void) { if (read(zero, buffer, 64) != 64) exit(2); }
            static void write_64(void) { if (write(null, buffer, 64) != 64) exit(2); }
            static void poll_one(void) { struct pollfd p = {fds[1], POLLOUT, 0}; if (poll(&p, 1, 0) != 1) exit(2); }
            static void through_pipe(void) { if (write(fds[1], buffer, 1) != 1 || read(fds[0], buffer, 1) != 1) exit(2); }
            static void map(void)
            {
                void *p = mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                if (p == MAP_FAILED || munmap(p, 4096)) exit(2);
            }
            static void open_close(void) { int f = open(path, O_RDONLY); if (f < 0 || close(f)) exit(2); }
            static void stat_path(void) { struct stat s; if (stat(path, &s)) exit(2); }
            static void stat_missing(void) { struct stat s; if (stat(name, &s) == 0) exit(2); }
            static void get_dents(void) { lseek(dir, 0, SEEK_SET); if (syscall(SYS_getdents64, dir, buffer, sizeof buffer) <= 0) exit(2); }

            static void time_it(const char *what, void (*call)(void), int count)
            {
                double best = 1e9;
                for (int i = 0; i < count / 10; i++) call();
                for (int part = 0; part < 5; part++) {
                    double begin = now();
                    for (int i = 0; i < count / 5; i++) call();
                    double each = (now() - begin) / (count / 5);
                    if (each < best) best = each;
                }
                printf("%s %.3f\\n", what, best);
            }

            // They begin together, and each takes its own time.
            static void crowd(const char *what, void (*call)(void), char *directory)
            {
                enum { WINDOW = 200000, PART = 16 };
                int results[2], gate[2], processes = sysconf(_SC_NPROCESSORS_ONLN);
                double sum = 0, each;
                if (pipe(results) || pipe(gate)) exit(2);
                for (int k = 0; k < processes; k++) {
                    if (!fork()) {
                        long count = 0;
                        dir = open(directory, O_RDONLY | O_DIRECTORY);
                        close(gate[1]);
                        if (read(gate[0], &each, 1) != 0) _exit(1);
                        double begin = now();
                        do {
                            for (int i = 0; i < PART; i++, count++) call();
                            each = (now() - begin) / count;
                        } while (each * count < WINDOW);
                        _exit(write(results[1], &each, sizeof each) != sizeof each);
                    }
                }
                close(gate[0]), close(gate[1]);
                for (int k = 0; k < processes; k++, sum += each)
                    if (read(results[0], &each, sizeof each) != sizeof each) exit(2);
                while (wait(NULL) > 0) ;
                close(results[0]), close(results[1]);
                printf("%s, all processors busy %.3f\\n", what, sum / processes);
            }

            int main(int argc, char **argv)
            {
                if (argc != 2) return 1;
                snprintf(path, sizeof path, "%s/file", argv[1]);
                snprintf(name, sizeof name, "%s/missing", argv[1]);
                close(open(path, O_CREAT | O_RDWR, 0600));
                null = open("/dev/null", O_WRONLY);
                zero = open("/dev/zero", O_RDONLY);
                dir = open(argv[1], O_RDONLY | O_DIRECTORY);
                if (null < 0 || zero < 0 || dir < 0 || pipe(fds)) return 2;
                time_it("getpid", get_pid, 50000);
                time_it("read 64 bytes", read_64, 50000);
                time_it("write 64 bytes", write_64, 50000);
                time_it("poll", poll_one, 50000);
                time_it("write and read a pipe", through_pipe, 20000);
                time_it("mmap and munmap", map, 20000);
                time_it("open and close", open_close, 5000);
                time_it("stat", stat_path, 5000);
                time_it("stat of nothing", stat_missing, 5000);
                time_it("getdents", get_dents, 5000);
                crowd("open and close", open_close, argv[1]);
                crowd("stat", stat_path, argv[1]);
                crowd("stat of nothing", stat_missing, argv[1]);
                crowd("getdents", get_dents, argv[1]);
                return 0;
            }
            """;

    private CallTimes() {}

    /** Beside the stopwatch. */
    static Path build() {
        return CProgram.build("call-times", SOURCE);
    }
}
