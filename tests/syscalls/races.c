/* Threads and processes at once: renames against opens, descriptors against closes, paths that change while they are read. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile int stop;
static char path[64];

static void *flips_path(void *unused)
{
	(void)unused;
	while (!stop) {
		strcpy(path, "inside/ok");
		strcpy(path, "outside-");
	}
	return NULL;
}

static void *renames(void *unused)
{
	(void)unused;
	while (!stop) {
		rename("a", "b");
		rename("b", "a");
	}
	return NULL;
}

static void *looks(void *unused)
{
	struct stat st;

	for (;;) {
		int fd = open("a", O_RDONLY);
		if (fd >= 0)
			close(fd);
		stat("/nothing", &st);
	}
	return unused;
}

/* A program replaces itself while its other threads' calls are being answered. */
static int execs(void)
{
	int bad = 0;

	for (int i = 0, s; i < 10; i++) {
		if (fork() == 0) {
			pthread_t t;
			for (int j = 0; j < 3; j++)
				pthread_create(&t, NULL, looks, NULL);
			usleep(1000 * i);
			execl("/program", "program", "again", NULL);
			_exit(1);
		}
		wait(&s), bad += !WIFEXITED(s) || WEXITSTATUS(s) != 7;
	}
	return bad;
}

/* Descriptors are opened and closed while processes are copied; a copy's are its own. */
static int forks(void)
{
	pthread_t t;
	int bad = 0;

	pthread_create(&t, NULL, looks, NULL);
	for (int i = 0, s; i < 30; i++) {
		if (fork() == 0) {
			int a = open("/etc/passwd", O_RDONLY), b = open("/etc/group", O_RDONLY);
			_exit(a < 0 || b < 0 || a == b || close(a) || close(b));
		}
		wait(&s), bad += s != 0;
	}
	return bad;
}

int main(int argc, char **argv)
{
	if (argc == 2)
		return strcmp(argv[1], "again") == 0 && access("/etc/passwd", R_OK) == 0 ? 7 : 8;
	pthread_t t[4];
	int bad = 0, found = 0, fds[4];

	mkdir("inside", 0755);
	close(open("inside/ok", O_CREAT | O_WRONLY, 0644));
	close(open("a", O_CREAT | O_WRONLY, 0644));
	strcpy(path, "inside/ok");
	pthread_create(&t[0], NULL, flips_path, NULL);
	pthread_create(&t[1], NULL, renames, NULL);
	/* Where processors are few and slow, the two threads leave little of them. */
	time_t end = time(NULL) + 20;
	for (int i = 0; i < 3000 && time(NULL) < end; i++) {
		int fd = open(path, O_RDONLY);
		if (fd >= 0)
			close(fd);
		fd = open("a", O_RDONLY);
		if (fd < 0)
			fd = open("b", O_RDONLY);
		if (fd >= 0)
			found++, close(fd);
	}
	stop = 1;
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	printf("found %d\n", found > 0);
	for (int i = 0; i < 4; i++)
		if (fork() == 0) {
			char name[32];
			for (int j = 0; j < 300; j++) {
				snprintf(name, sizeof name, "f%d-%d", i, j);
				int fd = open(name, O_CREAT | O_RDWR, 0600);
				if (fd < 0 || write(fd, name, strlen(name)) != (long)strlen(name) || unlink(name) != 0)
					_exit(1);
				close(fd);
			}
			_exit(0);
		}
	for (int i = 0, s; i < 4; i++)
		wait(&s), bad += s != 0;
	printf("bad %d\n", bad);
	/* descriptors are the lowest that are free, as everywhere */
	for (int i = 0; i < 4; i++)
		fds[i] = open("/dev/null", O_RDONLY);
	close(fds[1]);
	printf("%d\n", open("/dev/null", O_RDONLY) == fds[1]);
	printf("execs: %d bad\n", execs());
	printf("forks: %d bad\n", forks());
	return 0;
}
