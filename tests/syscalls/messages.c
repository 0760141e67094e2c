/* Messages of sockets, with errnos. Prints one line each. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define T(x) do { errno = 0; long r_ = (long)(x); printf("%-76.76s %ld %s\n", #x, r_ < 0 ? -1 : r_, strerrorname_np(errno)); } while (0)

static char b[1 << 18], c[1 << 18];

static int stream(int *other)
{
	struct sockaddr_in in = { AF_INET, 0, { htonl(INADDR_LOOPBACK) } };
	socklen_t n = sizeof in;
	int s = socket(AF_INET, SOCK_STREAM, 0), a = socket(AF_INET, SOCK_STREAM, 0);
	bind(s, (void *)&in, n); listen(s, 1); getsockname(s, (void *)&in, &n);
	connect(a, (void *)&in, n);
	*other = accept4(s, NULL, NULL, SOCK_CLOEXEC);
	close(s);
	return a;
}

/* What the strict tier has no use for. */
static int refusals(void)
{
	struct sockaddr_in in = { AF_INET, htons(9), { htonl(INADDR_LOOPBACK) } };
	char sent[CMSG_SPACE(4)] = { 0 };
	struct cmsghdr *h = (void *)sent;
	struct iovec v = { "ab", 2 };
	struct msghdr m = { .msg_name = &in, .msg_namelen = sizeof in, .msg_iov = &v, .msg_iovlen = 1, .msg_control = sent, .msg_controllen = sizeof sent };
	int u = socket(AF_INET, SOCK_DGRAM, 0), on = 1;

	h->cmsg_level = SOL_SOCKET; h->cmsg_type = SO_MARK; h->cmsg_len = CMSG_LEN(4);
	T(sendmsg(u, &m, 0)); T(sendto(u, "x", 1, MSG_FASTOPEN, (void *)&in, sizeof in)); T(setsockopt(u, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof on)); T(sendto(u, "x", 1, MSG_ZEROCOPY, (void *)&in, sizeof in));
	return 0;
}

int main(int argc, char **argv)
{
	struct sockaddr_in in = { AF_INET, 0, { htonl(INADDR_LOOPBACK) } }, from;
	struct iovec v[2] = { { "ab", 2 }, { "cde", 3 } }, r[2] = { { b, 3 }, { b + 100, 50 } };
	struct msghdr m = { .msg_iov = v, .msg_iovlen = 2 }, g = { .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = r, .msg_iovlen = 2 };
	socklen_t n = sizeof in;
	int u, w, x, y, one = 1;
	char control[256];

	if (argc > 1)
		return refusals();
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	T((u = socket(AF_INET, SOCK_DGRAM, 0)) >= 0); T((w = socket(AF_INET, SOCK_DGRAM, 0)) >= 0); T(bind(u, (void *)&in, n)); T(getsockname(u, (void *)&in, &n)); printf("%d\n", n);
	T(sendto(w, "datagram", 8, 0, (void *)&in, n)); n = sizeof from; T(recvfrom(u, b, 100, 0, (void *)&from, &n)); printf("%.8s %d %d\n", b, n, from.sin_family);
	T(sendto(w, "cut off", 7, 0, (void *)&in, sizeof in)); n = 4; T(recvfrom(u, b, 3, MSG_TRUNC, (void *)&from, &n)); printf("%d\n", n); T(sendto(w, "", 0, 0, (void *)&in, sizeof in)); T(recv(u, b, 10, 0)); T(recv(u, b, 10, MSG_DONTWAIT));
	T(sendto(w, "x", 1, 0, NULL, 0)); T(sendto(w, "x", 1, 0, (void *)8, 16)); T(sendto(w, (void *)8, 1, 0, (void *)&in, sizeof in)); T(sendto(w, "x", 1, 0, (void *)&in, 4)); T(sendto(w, "x", 1, 0, (void *)&in, -1)); T(sendto(w, b, 70000, 0, (void *)&in, sizeof in)); T(sendto(w, b, 65507, 0, (void *)&in, sizeof in)); T(recv(u, c, sizeof c, 0)); T(sendto(w, b, 65508, 0, (void *)&in, sizeof in));
	T(sendto(1, "x", 1, 0, NULL, 0)); T(sendto(999, "x", 1, 0, NULL, 0)); T(recv(999, b, 1, 0)); T(connect(w, (void *)&in, sizeof in)); T(send(w, "conn", 4, 0)); T(write(w, "write", 5)); T(recv(u, b, 2, MSG_PEEK)); T(recv(u, b, 100, 0)); T(read(u, b, 3)); T(recv(u, b, 10, MSG_DONTWAIT));
	m.msg_name = NULL; T(sendmsg(w, &m, 0)); T(recvmsg(u, &g, 0)); printf("%.3s %.2s %d %x %d\n", b, b + 100, g.msg_namelen, g.msg_flags, (int)g.msg_controllen); T(sendmsg(w, (void *)8, 0)); T(recvmsg(u, (void *)8, 0));
	m.msg_iovlen = 2000; T(sendmsg(w, &m, 0)); m.msg_iovlen = 2; g.msg_iovlen = 2000; T(recvmsg(u, &g, MSG_DONTWAIT)); g.msg_iovlen = 2; g.msg_namelen = -1; T(recvmsg(u, &g, MSG_DONTWAIT)); g.msg_namelen = 2; T(sendmsg(w, &m, 0)); T(recvmsg(u, &g, 0)); printf("%d\n", g.msg_namelen);
	T(setsockopt(u, IPPROTO_IP, IP_PKTINFO, &one, sizeof one)); T(sendmsg(w, &m, 0)); g.msg_control = control; g.msg_controllen = sizeof control; T(recvmsg(u, &g, MSG_CMSG_CLOEXEC)); printf("%d %x %d\n", (int)g.msg_controllen, g.msg_flags, ((struct cmsghdr *)control)->cmsg_type);
	T(sendmsg(w, &m, 0)); g.msg_controllen = 5; T(recvmsg(u, &g, 0)); printf("%d %x\n", (int)g.msg_controllen, g.msg_flags); g.msg_control = NULL; g.msg_controllen = 0;
	struct mmsghdr mm[2] = { { .msg_hdr = m }, { .msg_hdr = m } };
	T(sendmmsg(w, mm, 2, 0)); mm[0].msg_hdr = mm[1].msg_hdr = (struct msghdr){ .msg_iov = r, .msg_iovlen = 2 }; T(recvmmsg(u, mm, 2, 0, NULL)); printf("%d %d\n", mm[0].msg_len, mm[1].msg_len); T(recv(u, (void *)8, 10, MSG_DONTWAIT)); T(sendmsg(w, &m, 0)); T(recv(u, (void *)8, 10, 0));
	/* streams */
	x = stream(&y); T(x > 0 && y > 0); T(fcntl(y, F_GETFD)); T(send(x, "0123456789", 10, 0)); T(recv(y, b, 4, 0)); T(recv(y, b + 4, 3, MSG_PEEK)); T(recv(y, b + 4, 100, 0)); printf("%.10s\n", b); T(recv(y, b, 10, MSG_DONTWAIT)); T(writev(x, v, 2)); T(readv(y, r, 2)); T(recv(y, (void *)8, 5, MSG_DONTWAIT)); T(pread(y, b, 1, 0)); T(lseek(y, 0, 0)); T(recv(y, b, 0, MSG_DONTWAIT));
	T(send(x, "12", 2, 0)); T(send(x, "345", 3, MSG_MORE)); T(send(x, "6", 1, 0)); T(recv(y, b, 6, MSG_WAITALL)); T(send(x, "!", 1, MSG_OOB)); T(recv(y, b, 1, MSG_OOB)); printf("%c\n", b[0]);
	if (fork() == 0) { long total = 0, got; close(x); while ((got = recv(y, c, sizeof c, 0)) > 0) total += got; _exit(total == 10 * sizeof b ? 0 : 1); }
	int s; long sent = 0; for (int i = 0; i < 10; i++) sent += send(x, b, sizeof b, 0); printf("%ld\n", sent); T(shutdown(x, SHUT_WR)); T(send(x, "x", 1, 0)); T(send(x, "x", 1, MSG_NOSIGNAL)); T(wait(&s) > 0); printf("%x\n", s); close(y); T(recv(x, b, 10, 0)); close(x);
	x = stream(&y); close(y); T(recv(x, b, 10, 0)); T(getpeername(x, (void *)&from, &n)); if (fork() == 0) { signal(SIGPIPE, SIG_DFL); shutdown(x, SHUT_WR); send(x, "x", 1, 0); _exit(5); } T(wait(&s) > 0); printf("%x\n", s); T(shutdown(x, 9)); T(shutdown(999, 0)); T(shutdown(1, 0)); close(x);
	x = socket(AF_INET, SOCK_STREAM, 0); T(recv(x, b, 1, 0)); T(send(x, b, 1, 0)); T(accept(x, NULL, NULL)); T(accept(u, NULL, NULL)); T(accept(1, NULL, NULL)); T(accept4(x, NULL, NULL, 0x77)); T(listen(999, 1)); T(listen(u, 1)); T(getsockopt(x, SOL_SOCKET, SO_TYPE, &one, &n)); T(setsockopt(x, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one)); 
	listen(x, 5); fcntl(x, F_SETFL, O_NONBLOCK); T(accept(x, NULL, NULL)); n = sizeof in; getsockname(x, (void *)&in, &n); in.sin_addr.s_addr = htonl(INADDR_LOOPBACK); y = socket(AF_INET, SOCK_STREAM, 0); T(connect(y, (void *)&in, sizeof in)); n = -1; T(accept(x, (void *)&from, &n)); T(accept(x, (void *)&from, (void *)8)); n = 2; T(accept4(x, (void *)&from, &n, SOCK_NONBLOCK) > 0); printf("%d\n", n);
	/* all of it, which comes in pieces or not at all; what waits for nobody */
	x = stream(&y); if (fork() == 0) { for (int i = 0; i < 4; i++) { usleep(20000); write(x, "pieces", 6); } usleep(20000); shutdown(x, SHUT_WR); _exit(0); }
	T(recv(y, b, 9, MSG_WAITALL)); printf("%.9s\n", b); g = (struct msghdr){ .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = r, .msg_iovlen = 2, .msg_control = control, .msg_controllen = sizeof control }; r[1].iov_len = 5; T(recvmsg(y, &g, MSG_WAITALL)); printf("%.3s %.5s %d %d %x\n", b, b + 100, g.msg_namelen, (int)g.msg_controllen, g.msg_flags); T(recv(y, b, 100, MSG_WAITALL)); T(recv(y, b, 100, MSG_WAITALL)); T(recv(y, b, 100, MSG_ERRQUEUE)); T(recv(y, b, 1, MSG_OOB)); T(recv(u, b, 100, MSG_ERRQUEUE)); T(wait(&s) > 0); close(x); close(y); r[1].iov_len = 50;
	/* what goes with a message */
	{
		char sent[128] = { 0 }, got[256]; struct cmsghdr *h = (void *)sent; int ttl = 7, on = 1; struct msghdr o = { .msg_iov = v, .msg_iovlen = 2, .msg_control = sent, .msg_controllen = CMSG_SPACE(sizeof ttl) };
		h->cmsg_level = IPPROTO_IP; h->cmsg_type = IP_TTL; h->cmsg_len = CMSG_LEN(sizeof ttl); memcpy(CMSG_DATA(h), &ttl, sizeof ttl);
		T(setsockopt(u, IPPROTO_IP, IP_RECVTTL, &on, sizeof on)); T(sendmsg(w, &o, 0)); g = (struct msghdr){ .msg_iov = r, .msg_iovlen = 2, .msg_control = got, .msg_controllen = sizeof got }; T(recvmsg(u, &g, 0));
		for (struct cmsghdr *q = CMSG_FIRSTHDR(&g); q; q = CMSG_NXTHDR(&g, q)) if (q->cmsg_type == IP_TTL) printf("ttl %d\n", *(int *)CMSG_DATA(q));
		ttl = 900; memcpy(CMSG_DATA(h), &ttl, sizeof ttl); T(sendmsg(w, &o, 0)); h->cmsg_len = 3; T(sendmsg(w, &o, 0)); h->cmsg_len = 999; T(sendmsg(w, &o, 0)); o.msg_control = (void *)8; T(sendmsg(w, &o, 0)); o.msg_controllen = 1L << 40; T(sendmsg(w, &o, 0)); o.msg_control = NULL; o.msg_controllen = 0;
		struct mmsghdr all[3] = { { .msg_hdr = o, .msg_len = 77 }, { .msg_hdr = o }, { .msg_hdr = o } }; all[2].msg_hdr.msg_iov = (void *)8;
		T(sendmmsg(w, all, 3, 0)); printf("%d %d %d\n", all[0].msg_len, all[1].msg_len, all[2].msg_len); T(sendmmsg(w, all + 2, 1, 0)); T(sendmmsg(w, all, 0, 0)); T(sendmmsg(w, (void *)8, 1, 0)); T(sendmmsg(999, all, 1, 0)); T(sendmmsg(1, all, 1, 0)); T(recv(u, b, 9, 0)); T(recv(u, b, 9, 0)); T(recv(u, b, 9, MSG_DONTWAIT));
	}
	/* unix: descriptors and credentials */
	int p[2], t[2];
	T(socketpair(AF_UNIX, SOCK_STREAM, 0, p)); T(socketpair(AF_INET, SOCK_STREAM, 0, t)); T(setsockopt(p[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof one)); pipe(t);
	char space[CMSG_SPACE(sizeof(int))]; struct cmsghdr *h = (void *)space; h->cmsg_level = SOL_SOCKET; h->cmsg_type = SCM_RIGHTS; h->cmsg_len = CMSG_LEN(sizeof(int)); memcpy(CMSG_DATA(h), &t[1], sizeof(int));
	m.msg_control = space; m.msg_controllen = sizeof space; T(sendmsg(p[0], &m, 0)); g.msg_control = control; g.msg_controllen = sizeof control; g.msg_name = NULL; g.msg_namelen = 0; T(recvmsg(p[1], &g, 0)); printf("%d %x\n", (int)g.msg_controllen, g.msg_flags);
	for (struct cmsghdr *q = CMSG_FIRSTHDR(&g); q; q = CMSG_NXTHDR(&g, q)) {
		if (q->cmsg_type == SCM_CREDENTIALS) printf("mine %d\n", ((struct ucred *)CMSG_DATA(q))->pid == getpid());
		if (q->cmsg_type == SCM_RIGHTS) { int fd; memcpy(&fd, CMSG_DATA(q), sizeof fd); T(write(fd, "passed", 6)); T(read(t[0], b, 10)); }
	}
	T(write(p[0], "plain", 5)); T(read(p[1], b, 10)); T(send(p[1], "back", 4, 0)); T(recvfrom(p[0], b, 10, 0, NULL, NULL)); T(recv(p[0], b, 10, MSG_DONTWAIT)); close(p[1]); T(send(p[0], "x", 1, 0)); T(read(p[0], b, 1));
	T(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, p)); T(write(p[0], "one", 3)); T(write(p[0], "two", 3)); T(read(p[1], b, 100)); T(read(p[1], b, 100)); struct ucred cred; n = sizeof cred; T(getsockopt(p[0], SOL_SOCKET, SO_PEERCRED, &cred, &n)); printf("%d\n", cred.pid == getpid());
	return 0;
}
