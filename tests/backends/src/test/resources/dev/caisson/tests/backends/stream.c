/* A guest's end of streams of zeros to the host's port 1024: "stream write", or "stream relay" for what comes through a pipe first, as what a container writes does. Says how many
 * microseconds it took until the host had all of it. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <linux/vm_sockets.h>

enum { block = 64 << 10, pipe_size = 256 << 10, blocks = 512 };

static char buffer[pipe_size];

static int write_blocks(int fd)
{
	for (int i = 0; i < blocks; i++)
		for (ssize_t done = 0, n; done < block; done += n)
			if ((n = write(fd, buffer, (size_t)(block - done))) <= 0)
				return 3;
	return 0;
}

static int relay(int to)
{
	int ends[2];
	ssize_t got;

	if (pipe(ends) != 0 || fcntl(ends[1], F_SETPIPE_SZ, pipe_size) < 0)
		return 4;
	if (fork() == 0) {
		close(ends[0]);
		_exit(write_blocks(ends[1]));
	}
	close(ends[1]);
	while ((got = read(ends[0], buffer, sizeof buffer)) > 0)
		if (write(to, buffer, (size_t)got) != got)
			return 5;
	return got < 0 ? 6 : 0;
}

static long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000L + t.tv_nsec / 1000;
}

int main(int count, char **words)
{
	struct sockaddr_vm host = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST, .svm_port = 1024 };
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0), code;
	unsigned long long room = 1 << 20; /* as relays of streams have it */
	long begin;

	setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_BUFFER_MAX_SIZE, &room, sizeof room);
	setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_BUFFER_SIZE, &room, sizeof room);
	if (count != 2 || connect(fd, (struct sockaddr *)&host, sizeof host) != 0)
		return 2;
	begin = now();
	code = strcmp(words[1], "relay") == 0 ? relay(fd) : write_blocks(fd);
	/* Closed by the host when it has read all. */
	shutdown(fd, SHUT_WR);
	while (code == 0 && read(fd, buffer, 1) > 0)
		;
	printf("row %s took %ld us\n", words[1], now() - begin);
	return code;
}
