// What is closed is closed at once: nobody else has the open file still, whoever opened it for this process.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "say.h"

// Where processors are few and slow, as many as go.
static int goesOn(int i, int count, time_t end) { return i < count && time(NULL) < end; }

// A lock that belongs to an open file ends with it.
static void locks(void) {
    int bad = 0;
    time_t end = time(NULL) + 5;
    for (int i = 0; goesOn(i, 2000, end); i++) {
        int fd = open("/tmp/lock", O_RDONLY);
        bad += flock(fd, LOCK_EX | LOCK_NB) != 0;
        close(fd);
    }
    printf("flock: %d bad\n", bad);
}

// A file that is open for writing cannot be executed.
static void execs(void) {
    int bad = 0, s;
    time_t end = time(NULL) + 5;
    for (int i = 0; goesOn(i, 100, end); i++) {
        if (!fork()) {
            int fd = open("/tmp/script", O_WRONLY | O_CREAT | O_TRUNC, 0755);
            if (write(fd, "#!/bin/true\n", 12) != 12) _exit(1);
            close(fd);
            execl("/tmp/script", "script", NULL);
            _exit(2);
        }
        wait(&s), bad += s != 0;
    }
    printf("execve: %d bad\n", bad);
}

static void openLocks(void) {
    int bad = 0;
    time_t end = time(NULL) + 5;
    for (int i = 0; goesOn(i, 500, end); i++) {
        struct flock l = {F_WRLCK, SEEK_SET, 0, 10, 0};
        int fd = open("/tmp/lock", O_RDWR);
        bad += fcntl(fd, i % 2 ? F_OFD_SETLK : F_SETLK, &l) != 0;
        close(fd);
    }
    printf("OFD: %d bad\n", bad);
}

static void notices(void) {
    char b[4096];
    int bad = 0, in = inotify_init1(IN_NONBLOCK);
    inotify_add_watch(in, "/tmp/lock", IN_CLOSE);
    time_t end = time(NULL) + 5;
    for (int i = 0; goesOn(i, 500, end); i++) {
        close(open("/tmp/lock", i % 2 ? O_RDONLY : O_WRONLY));
        struct inotify_event *e = (void *)b;
        bad += read(in, b, sizeof b) != sizeof *e || e->mask != (i % 2 ? IN_CLOSE_NOWRITE : IN_CLOSE_WRITE);
    }
    printf("inotify: %d bad\n", bad);
}

int main(void) {
    alarm(60);
    close(open("/tmp/lock", O_CREAT | O_RDWR, 0644));
    locks();
    execs();
    openLocks();
    notices();
    return 0;
}
