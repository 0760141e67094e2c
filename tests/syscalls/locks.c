// Extended attributes and locks of files.
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "say.h"

static void names(const char *list, long n) {
    const char *all[20];
    int count = 0;
    for (long i = 0; i < n; i += strlen(list + i) + 1) if (!strncmp(list + i, "user.", 5)) all[count++] = list + i;
    for (int i = 0; i < count; i++) for (int j = i + 1; j < count; j++) if (strcmp(all[i], all[j]) > 0) { const char *t = all[i]; all[i] = all[j]; all[j] = t; }
    for (int i = 0; i < count; i++) printf(" %s", all[i]);
    printf("\n");
}

static void attributes(void) {
    char b[256];
    mkdir("/tmp/d", 0755);
    int fd = open("/tmp/d/f", O_RDWR | O_CREAT, 0644), path = open("/tmp/d/f", O_PATH);
    symlink("f", "/tmp/d/l");
    say("set", setxattr("/tmp/d/f", "user.one", "first", 5, 0));
    say("create", setxattr("/tmp/d/f", "user.one", "x", 1, XATTR_CREATE));
    say("replace", setxattr("/tmp/d/f", "user.one", "second", 6, XATTR_REPLACE));
    say("replace none", setxattr("/tmp/d/f", "user.none", "x", 1, XATTR_REPLACE));
    say("flags", setxattr("/tmp/d/f", "user.one", "x", 1, 7));
    say("by link", setxattr("/tmp/d/l", "user.two", "2", 1, 0));
    say("by descriptor", fsetxattr(fd, "user.three", "", 0, 0));
    say("by path descriptor", fsetxattr(path, "user.four", "4", 1, 0));
    say("get", getxattr("/tmp/d/f", "user.one", b, sizeof b));
    printf(" %.6s\n", b);
    say("get size", getxattr("/tmp/d/f", "user.one", 0, 0));
    say("get short", getxattr("/tmp/d/f", "user.one", b, 2));
    say("get none", getxattr("/tmp/d/f", "user.none", b, sizeof b));
    say("get by link", getxattr("/tmp/d/l", "user.two", b, sizeof b));
    say("get of link", lgetxattr("/tmp/d/l", "user.two", b, sizeof b));
    say("set of link", lsetxattr("/tmp/d/l", "user.two", "x", 1, 0));
    say("get by descriptor", fgetxattr(fd, "user.three", b, sizeof b));
    say("get bad address", getxattr("/tmp/d/f", "user.one", (void *)1, 100));
    say("name bad address", getxattr("/tmp/d/f", (void *)1, b, 10));
    say("empty name", getxattr("/tmp/d/f", "", b, 10));
    say("no such space", setxattr("/tmp/d/f", "nothing.one", "x", 1, 0));
    char longName[300];
    memset(longName, 'a', 299);
    memcpy(longName, "user.", 5);
    longName[299] = 0;
    say("long name", setxattr("/tmp/d/f", longName, "x", 1, 0));
    say("too large", setxattr("/tmp/d/f", "user.big", b, 70000, 0));
    memset(b, 0, sizeof b);
    names(b, listxattr("/tmp/d/f", b, sizeof b));
    names(b, flistxattr(fd, b, sizeof b));
    say("list short", listxattr("/tmp/d/f", b, 3));
    say("list of nothing", listxattr("/tmp/d/none", b, sizeof b));
    say("remove", removexattr("/tmp/d/f", "user.one"));
    say("remove again", removexattr("/tmp/d/f", "user.one"));
    say("remove by descriptor", fremovexattr(fd, "user.three"));
    say("remove of link", lremovexattr("/tmp/d/l", "user.two"));
    say("directory", setxattr("/tmp/d", "user.dir", "x", 1, 0));
    if (!fork()) {
        setgid(1000), setuid(1000);
        say("not the owner's", setxattr("/tmp/d/f", "user.x", "x", 1, 0));
        say("but read", getxattr("/tmp/d/f", "user.two", b, sizeof b));
        exit(0);
    }
    wait(0);
    chmod("/tmp/d/f", 0);
    if (!fork()) {
        setgid(1000), setuid(1000);
        say("nor read", getxattr("/tmp/d/f", "user.two", b, sizeof b));
        exit(0);
    }
    wait(0);
    chmod("/tmp/d/f", 0666);
    close(fd), close(path);
}

static struct flock range(int type, int from, int length) { return (struct flock){type, SEEK_SET, from, length, 0}; }

static void inChild(void (*what)(void)) {
    fflush(stdout);
    if (!fork()) {
        what();
        fflush(stdout);
        _exit(0);
    }
    wait(0);
}

static void otherProcess(void) {
    int fd = open("/tmp/d/f", O_RDWR);
    struct flock l = range(F_WRLCK, 5, 10);
    say(" posix write", fcntl(fd, F_SETLK, &l));
    l = range(F_RDLCK, 0, 5);
    say(" posix read", fcntl(fd, F_SETLK, &l));
    l = range(F_WRLCK, 0, 0);
    say(" getlk", fcntl(fd, F_GETLK, &l));
    printf(" type %d from %ld length %ld ours %d\n", l.l_type, (long)l.l_start, (long)l.l_len, l.l_pid == getppid());
    l = range(F_WRLCK, 0, 0);
    say(" ofd write", fcntl(fd, F_OFD_SETLK, &l));
    say(" flock", flock(fd, LOCK_EX | LOCK_NB));
}

static void nothing(int s) {}

static void locks(void) {
    int fd = open("/tmp/d/f", O_RDWR), again = open("/tmp/d/f", O_RDWR), reads = open("/tmp/d/f", O_RDONLY);
    struct flock l = range(F_WRLCK, 5, 10);
    say("posix", fcntl(fd, F_SETLK, &l));
    inChild(otherProcess);
    l = range(F_WRLCK, 0, 100);
    say("own again", fcntl(again, F_SETLK, &l));
    l = range(F_WRLCK, 0, 1);
    say("write lock of a reader", fcntl(reads, F_SETLK, &l));
    l = range(9, 0, 1);
    say("no type", fcntl(fd, F_SETLK, &l));
    say("bad address", fcntl(fd, F_SETLK, 1));
    l = range(F_UNLCK, 0, 0);
    say("unlock", fcntl(fd, F_SETLK, &l));
    inChild(otherProcess);
    l = range(F_WRLCK, 0, 10);
    say("ofd", fcntl(fd, F_OFD_SETLK, &l));
    l = range(F_WRLCK, 0, 10);
    say("ofd of another file", fcntl(again, F_OFD_SETLK, &l));
    l = range(F_WRLCK, 0, 10);
    say("ofd get", fcntl(again, F_OFD_GETLK, &l));
    printf(" pid %d\n", l.l_pid);
    int copy = dup(fd);
    l = range(F_UNLCK, 0, 0);
    say("by a copy", fcntl(copy, F_OFD_SETLK, &l));
    say("flock", flock(fd, LOCK_EX));
    say("flock copy", flock(copy, LOCK_EX | LOCK_NB));
    say("flock other", flock(again, LOCK_SH | LOCK_NB));
    say("flock unknown", flock(fd, 77));
    inChild(otherProcess);
    // Waits, and a signal ends that.
    signal(SIGALRM, nothing);
    siginterrupt(SIGALRM, 1);
    alarm(1);
    say("flock waits", flock(again, LOCK_EX));
    say("unlock", flock(copy, LOCK_UN));
    if (!fork()) {
        l = range(F_WRLCK, 0, 10);
        fcntl(fd, F_SETLK, &l);
        usleep(300000);
        _exit(0);
    }
    usleep(100000);
    l = range(F_WRLCK, 0, 10);
    say("waits for the other's end", fcntl(fd, F_SETLKW, &l));
    wait(0);
    alarm(60);
    say("lockf", lockf(fd, F_TEST, 5));
    fflush(stdout);
    close(fd), close(again), close(reads), close(copy);
}

int main(int argc, char **argv) {
    alarm(60);
    if (argc > 1) {
        int fd = open("/tmp/lease", O_RDWR | O_CREAT, 0600);
        say("lease", fcntl(fd, F_SETLEASE, F_RDLCK));
        say("notice", fcntl(open("/tmp", O_RDONLY), F_NOTIFY, DN_CREATE));
        return 0;
    }
    attributes();
    locks();
    return 0;
}
