/* The command role: hands argv, environment and standard input to caissond and does what it says. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "loop.h"
#include "roles.h"
#include "wire.h"

#ifndef CAISSON_VERSION
#define CAISSON_VERSION "unknown"
#endif
#ifndef PR_SCHED_CORE /* newer than some libc headers */
#define PR_SCHED_CORE 62
#define PR_SCHED_CORE_CREATE 1
#endif
#ifndef PR_SCHED_CORE_SCOPE_THREAD_GROUP
#define PR_SCHED_CORE_SCOPE_THREAD_GROUP 1
#endif
#define DEFAULT_STATE_DIR "/run/caisson"
#define STDIN_MAX (10u << 20)
#define DAEMON_PATIENCE_MS 30000
#define TRIES 8 /* each with another daemon */

static const char *own_name;

static int fail(const char *what, const char *subject, int err)
{
	/* dprintf would do; stdio costs 8 KiB of this small binary. */
	const char *parts[] = { own_name, ": ", what, subject ? " " : "", subject ? subject : "", ": ",
				strerror(err), "\n" };

	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
		if (write(2, parts[i], strlen(parts[i])) < 0)
			break;
	return 1;
}

static int write_all(int fd, const void *p, size_t n)
{
	for (const uint8_t *at = p; n > 0;) {
		ssize_t w = write(fd, at, n);
		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -errno;
		at += w;
		n -= (size_t)w;
	}
	return 0;
}

static int read_all(int fd, void *p, size_t n)
{
	for (uint8_t *at = p; n > 0;) {
		ssize_t r = read(fd, at, n);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return r < 0 ? -errno : -ECONNRESET;
		at += r;
		n -= (size_t)r;
	}
	return 0;
}

/* PREFIX/libexec/caissond, found from where this binary lies. */
static int daemon_path(char *out, size_t size)
{
	static const char tail[] = "/libexec/caissond";
	ssize_t n = readlink("/proc/self/exe", out, size - sizeof tail);
	char *slash;

	if (n < 0)
		return -errno;
	out[n] = '\0';
	for (int i = 0; i < 2; i++) {
		slash = strrchr(out, '/');
		if (!slash)
			return -ENOENT;
		*slash = '\0';
	}
	strcat(out, tail);
	return 0;
}

static int connect_daemon(const char *state_dir)
{
	struct timespec nap = { .tv_nsec = 1000000 }; /* a daemon is there within some 50 ms */
	char path[PATH_MAX], program[PATH_MAX];
	uint64_t start = now_ms(), last_start = 0;
	int fd, r;

	if (strlen(state_dir) + sizeof "/command.sock" > sizeof path)
		return -ENAMETOOLONG;
	strcat(strcpy(path, state_dir), "/command.sock");
	for (;;) {
		fd = connect_unix(path, 0);
		if (fd >= 0 || (fd != -ENOENT && fd != -ECONNREFUSED))
			return fd;
		if (now_ms() - start > DAEMON_PATIENCE_MS)
			return fd;
		if (last_start == 0 || now_ms() - last_start > 1000) {
			r = daemon_path(program, sizeof program);
			if (r != 0)
				exit(fail("find own location", NULL, -r));
			if (access(program, X_OK) != 0)
				return -errno;
			mkdir(state_dir, 0700);
			start_daemon(state_dir, program);
			last_start = now_ms();
		}
		nanosleep(&nap, NULL);
	}
}

/* containerd hands runtime options to a shim on standard input; other callers' input is their own. */
static int reads_stdin(int argc, char **argv)
{
	if (strncmp(own_name, "containerd-shim-", 16) != 0)
		return 0;
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "start") == 0 || strcmp(argv[i], "-info") == 0 ||
		    strcmp(argv[i], "--info") == 0)
			return 1;
	return 0;
}

/* a header; counts; argv, cwd, environment: NUL-ended; standard input */
static struct queue describe_command(int argc, char **argv, char **envp)
{
	struct queue body = { 0 };
	uint32_t counts[3] = { (uint32_t)argc, 0, 0 };
	static const struct wire later; /* the frame's header is in front, so that one write sends all */
	char cwd[PATH_MAX];
	ssize_t n;

	queue_room(&body, 2 * 65536); /* once: what outgrows its memory is mapped again and copied */
	queue_put(&body, &later, sizeof later);
	queue_put(&body, counts, sizeof counts);
	for (int i = 0; i < argc; i++)
		queue_put(&body, argv[i], strlen(argv[i]) + 1);
	if (!getcwd(cwd, sizeof cwd))
		strcpy(cwd, "/");
	queue_put(&body, cwd, strlen(cwd) + 1);
	for (; envp[counts[1]]; counts[1]++)
		queue_put(&body, envp[counts[1]], strlen(envp[counts[1]]) + 1);
	while (reads_stdin(argc, argv) && counts[2] < STDIN_MAX &&
	       (n = read(0, queue_room(&body, 65536), 65536)) > 0) {
		body.len += (size_t)n;
		counts[2] += (uint32_t)n;
	}
	memcpy(body.bytes + sizeof later, counts, sizeof counts);
	return body;
}

static int send_command(int fd, const struct queue *body, uint32_t resume)
{
	static uint8_t asked; /* whoever was asked before may have done it, or half of it */
	struct wire h = { (uint32_t)(body->len - sizeof h), W_COMMAND, asked, 0, (uint32_t)getpid(), resume };

	asked = 1;
	memcpy(body->bytes, &h, sizeof h);
	return write_all(fd, body->bytes, body->len);
}

static int listen_at(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	mode_t old;

	if (fd < 0)
		return -errno;
	if (strlen(path) >= sizeof at.sun_path) {
		errno = ENAMETOOLONG;
		goto failed;
	}
	strcpy(at.sun_path, path);
	unlink(path);
	old = umask(0177);
	int r = bind(fd, (struct sockaddr *)&at, sizeof at);
	umask(old);
	if (r == 0 && listen(fd, 128) == 0)
		return fd;
failed:
	r = -errno;
	close(fd);
	return r;
}

static pid_t spawn_monitor(int listener, const char *exe, char **argv)
{
	static char *const no_env[] = { NULL };
	/* containerd's option sched_core; its Go shims look at this variable. */
	const int core = getenv("SCHED_CORE") && *getenv("SCHED_CORE");
	volatile int err = 0;
	pid_t pid = vfork();

	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);
		setsid();
		/* A cookie of the pod's own, inherited by all of it; a kernel without core scheduling refuses. */
		if (core)
			prctl(PR_SCHED_CORE, PR_SCHED_CORE_CREATE, 0, PR_SCHED_CORE_SCOPE_THREAD_GROUP, 0);
		dup2(listener, 3);
		fcntl(3, F_SETFD, 0);
		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
		close_from(4);
		execve(exe, argv, no_env);
		err = errno;
		_exit(127);
	}
	return pid < 0 ? -errno : err ? -err : pid;
}

/* Of two commands that find a dead monitor's socket, the second must not remove what the first has bound:
 * they take turns on the directory. Needs no file of its own; closed by exec and by the command's end. */
static int lock_directory_of(const char *path)
{
	char dir[PATH_MAX] = ".";
	const char *slash = strrchr(path, '/');
	int fd;

	if (slash && slash > path && slash - path < PATH_MAX) {
		memcpy(dir, path, (size_t)(slash - path));
		dir[slash - path] = '\0';
	}
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	while (fd >= 0 && flock(fd, LOCK_EX) != 0 && errno == EINTR)
		continue;
	return fd;
}

/* What became of START_MONITOR. caissond goes on while the monitor is started, and says so too early when it fails. */
static struct {
	int failed;
	pid_t pid; /* 0: none, or another command's */
	char path[sizeof ((struct sockaddr_un *)0)->sun_path];
} monitor;

/* Takes a monitor back that nobody will use: its pod came to nothing, or to a daemon that never stored it. */
static void abandon_monitor(void)
{
	if (monitor.pid > 0) {
		kill(monitor.pid, SIGKILL);
		waitpid(monitor.pid, NULL, 0);
		unlink(monitor.path);
	}
	memset(&monitor, 0, sizeof monitor);
}

/* payload: executable, socket path, argv...: the monitor becomes a child of nobody who waits. */
static void start_monitor(int fd, char *p, size_t len)
{
	char *argv[16], *words[18];
	struct wire h = { 0, W_STARTED, 0, 0, 0, 0 };
	int n = 0, s, lock;
	pid_t pid;

	for (char *end = p + len; p < end && n < 17; p += strlen(p) + 1)
		words[n++] = p;
	if (n < 3 || len == 0) {
		h.a = EINVAL;
		goto out;
	}
	for (int i = 2; i < n; i++)
		argv[i - 2] = words[i];
	argv[n - 2] = NULL;
	lock = lock_directory_of(words[1]);
	s = connect_unix(words[1], 0);
	if (s >= 0) { /* somebody serves this pod already: the loser of a race uses the winner's */
		close(s);
		h.flags = 1;
		goto unlock;
	}
	s = listen_at(words[1]);
	if (s < 0) {
		h.a = (uint32_t)-s;
		goto unlock;
	}
	pid = spawn_monitor(s, words[0], argv);
	close(s);
	if (pid < 0) {
		unlink(words[1]);
		h.a = (uint32_t)-pid;
	} else {
		h.b = (uint32_t)pid;
		monitor.pid = pid;
		strcpy(monitor.path, words[1]); /* bound, so it fits */
	}
unlock:
	if (lock >= 0)
		close(lock);
out:
	monitor.failed = h.a != 0;
	write_all(fd, &h, sizeof h);
}

#define LOST (-1)
#define HANDED_OVER (-2)

/* What is printed waits for the end: a command whose daemon is lost in between is asked again, from the start. */
static struct queue out[3];

void command_output(const struct wire *h, const uint8_t *p)
{
	int fd = h->a == 1 ? 1 : 2;

	if (!(h->flags & 1))
		queue_put(&out[fd], p, h->length);
	else if (write_all(fd, p, h->length) != 0)
		exit(1); /* nobody reads any more */
}

void command_finish(int code)
{
	for (int i = 1; i <= 2; i++)
		if (out[i].len > 0 && write_all(i, out[i].bytes, out[i].len) != 0)
			code = 1;
	exit(code);
}

/* Ends the program, or returns LOST or HANDED_OVER. */
static int serve(int fd)
{
	for (;;) {
		struct wire h;
		uint8_t *p;

		if (read_all(fd, &h, sizeof h) != 0 || h.length > WIRE_MAX)
			break;
		p = grow(NULL, h.length + 1);
		if (read_all(fd, p, h.length) != 0)
			break;
		p[h.length] = '\0';
		if (h.kind == W_END && (h.a != 0 || !monitor.failed)) {
			if (h.a != 0)
				abandon_monitor();
			command_finish((int)h.a);
		}
		if (h.kind == W_END) /* well meant, but there is no monitor: the reason follows */
			queue_drop(&out[1]);
		if (h.kind == W_OUTPUT)
			command_output(&h, p);
		if (h.kind == W_START_MONITOR) {
			abandon_monitor();
			start_monitor(fd, (char *)p, h.length);
		}
		if (h.kind == W_HANDS)
			hands_begin(fd, &h, p);
		free(p);
		if (h.kind == W_HANDS)
			return HANDED_OVER;
	}
	queue_drop(&out[1]);
	queue_drop(&out[2]);
	abandon_monitor();
	return LOST;
}

static int is_info(int argc, char **argv)
{
	return strncmp(own_name, "containerd-shim-", 16) == 0 && argc > 1 &&
	       (strcmp(argv[argc - 1], "-info") == 0 || strcmp(argv[argc - 1], "--info") == 0);
}

/* RuntimeInfo from the file that caissond keeps, with the caller's options appended as its field 3: containerd asks while it
 * starts, and must not wait for a daemon that hangs. Returns LOST when there is no file yet. */
static int info_from_file(const char *state_dir)
{
	struct queue info = { 0 }, options = { 0 };
	uint8_t head[6] = { 3 << 3 | 2 };
	char path[PATH_MAX];
	size_t n = 1;
	ssize_t r;
	int fd;

	if (strlen(state_dir) + sizeof "/info-" CAISSON_VERSION > sizeof path)
		return LOST;
	fd = open(strcat(strcpy(path, state_dir), "/info-" CAISSON_VERSION), O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return LOST;
	while ((r = read(fd, queue_room(&info, 16384), 16384)) > 0)
		info.len += (size_t)r;
	close(fd);
	while (options.len < STDIN_MAX && (r = read(0, queue_room(&options, 16384), 16384)) > 0)
		options.len += (size_t)r;
	size_t left = options.len;
	for (; left >= 128; left >>= 7)
		head[n++] = (uint8_t)(left | 128);
	head[n++] = (uint8_t)left;
	if (options.len > 0) {
		queue_put(&info, head, n);
		queue_put(&info, options.bytes, options.len);
	}
	return info.len == 0 || write_all(1, info.bytes, info.len) != 0;
}

static const char *state_dir;

/* Whether /run is somebody else's: a user's command, or one of a user who plays root in a namespace (runc's rule). */
static int is_users(void)
{
	static const char whole[] = "         0          0 4294967295\n"; /* as the first namespace shows it */
	const char *user = getenv("USER");
	char map[64];
	ssize_t n;
	int fd;

	if (geteuid() != 0)
		return 1;
	if (user && strcmp(user, "root") == 0)
		return 0;
	fd = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, map, sizeof map);
	if (fd >= 0)
		close(fd);
	return n > 0 && (n != sizeof whole - 1 || memcmp(map, whole, sizeof whole - 1) != 0);
}

static const char *find_state_dir(void)
{
	static char path[PATH_MAX];
	const char *dir = getenv("CAISSON_STATE_DIR"), *runtime = getenv("XDG_RUNTIME_DIR");

	if (dir && *dir)
		return dir;
	if (!runtime || *runtime != '/' || strlen(runtime) + sizeof "/caisson" > sizeof path || !is_users())
		return DEFAULT_STATE_DIR;
	return strcat(strcpy(path, runtime), "/caisson");
}
static struct queue body;

void command_ask(uint32_t resume)
{
	int fd;

	for (int tries = 0; tries < TRIES; tries++) {
		fd = connect_daemon(state_dir);
		if (fd < 0)
			exit(fail("connect to caissond in", state_dir, -fd));
		/* A caissond that refuses early has said why: its answer is read even if not all could be sent. */
		send_command(fd, &body, resume);
		if (serve(fd) == HANDED_OVER)
			return;
		close(fd);
	}
	exit(fail("read answer of", "caissond", ECONNRESET));
}

int command_main(int argc, char **argv, char **envp)
{
	int fd, r;

	/* Numbers 0 to 2 are taken, or a socket could get one and be written to as an error message's way out. */
	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= 2);
	close(fd);
	signal(SIGPIPE, SIG_IGN); /* caissond may hang up early, with a reason that is still to be read */
	own_name = argc > 0 ? argv[0] : "caisson";
	if (strrchr(own_name, '/'))
		own_name = strrchr(own_name, '/') + 1;
	if (argc == 2 && (strcmp(argv[1], "-v") == 0 || strcmp(argv[1], "-version") == 0 ||
			  strcmp(argv[1], "--version") == 0)) {
		/* Docker looks for "version" and for "commit:". */
		static const char text[] =
			" version " CAISSON_VERSION "\ncommit: " CAISSON_VERSION "\nspec: 1.3.0\n";
		write_all(1, own_name, strlen(own_name));
		return write_all(1, text, sizeof text - 1) == 0 ? 0 : 1;
	}
	state_dir = find_state_dir();
	if (is_info(argc, argv)) {
		r = info_from_file(state_dir);
		if (r != LOST)
			return r;
	}
	body = describe_command(argc, argv, envp);
	command_ask(0);
	loop_run();
}
