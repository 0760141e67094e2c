/* A guest's end of two streams: dials the host's port 1024 and echoes, then listens on port 5000 and echoes. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/vm_sockets.h>

static struct sockaddr_vm address(unsigned cid, unsigned port)
{
	struct sockaddr_vm a;

	memset(&a, 0, sizeof a);
	a.svm_family = AF_VSOCK;
	a.svm_cid = cid;
	a.svm_port = port;
	return a;
}

static int echo(int fd)
{
	static char buffer[65536];
	ssize_t got;

	while ((got = read(fd, buffer, sizeof buffer)) > 0)
		for (ssize_t done = 0, n; done < got; done += n)
			if ((n = write(fd, buffer + done, (size_t)(got - done))) <= 0)
				return 4;
	close(fd);
	return got < 0 ? 5 : 0;
}

int main(void)
{
	struct sockaddr_vm host = address(VMADDR_CID_HOST, 1024), own = address(VMADDR_CID_ANY, 5000);
	struct sockaddr_vm nobody = address(VMADDR_CID_HOST, 1025);
	int listener = socket(AF_VSOCK, SOCK_STREAM, 0), fd = socket(AF_VSOCK, SOCK_STREAM, 0), code;

	if (connect(socket(AF_VSOCK, SOCK_STREAM, 0), (struct sockaddr *)&nobody, sizeof nobody) == 0)
		return 1;
	if (bind(listener, (struct sockaddr *)&own, sizeof own) != 0 || listen(listener, 4) != 0)
		return 2;
	if (connect(fd, (struct sockaddr *)&host, sizeof host) != 0 || write(fd, "ready\n", 6) != 6)
		return 3;
	code = echo(fd);
	for (int i = 0; i < 20 && code == 0; i++)
		code = echo(accept(listener, NULL, NULL));
	return code;
}
