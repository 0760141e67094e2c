// Sockets of all kinds, by what they answer.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "say.h"

// As say, for numbers that are the kernel's choice.
static int got(const char *what, long result) {
    say(what, result < 0 ? -1 : 0);
    return result;
}

static int option(int s, int level, int name) {
    int v = -1;
    socklen_t n = sizeof v;
    return getsockopt(s, level, name, &v, &n) ? -1 : v;
}

static void kinds(void) {
    int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM | SOCK_NONBLOCK, SOCK_DGRAM | SOCK_CLOEXEC, 0, 77};
    int families[] = {AF_UNIX, AF_INET, AF_INET6};
    for (int f = 0; f < 3; f++)
        for (int t = 0; t < 6; t++) {
            char what[64];
            snprintf(what, sizeof what, "socket %d %x", families[f], types[t]);
            int s = got(what, socket(families[f], types[t], 0));
            if (s >= 0) {
                say(" domain", option(s, SOL_SOCKET, SO_DOMAIN));
                say(" type", option(s, SOL_SOCKET, SO_TYPE));
                say(" protocol", option(s, SOL_SOCKET, SO_PROTOCOL));
                say(" flags", fcntl(s, F_GETFL));
                say(" cloexec", fcntl(s, F_GETFD));
                close(s);
            }
        }
    int pair[2];
    say("socketpair", socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
    say("socketpair inet", socketpair(AF_INET, SOCK_STREAM, 0, pair));
    say("socket in no descriptor", socket(AF_INET, SOCK_STREAM, 0) >= 0 ? 0 : -1);
}

static void options(void) {
    int s = socket(AF_INET, SOCK_STREAM, 0), one = 1, buffer = 20000;
    struct linger linger = {1, 3};
    struct timeval time = {2, 0};
    say("reuseaddr", setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one));
    say(" is", option(s, SOL_SOCKET, SO_REUSEADDR));
    say("reuseport", setsockopt(s, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one));
    say("keepalive", setsockopt(s, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one));
    say("nodelay", setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one));
    say(" is", option(s, IPPROTO_TCP, TCP_NODELAY));
    say("linger", setsockopt(s, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
    say("rcvbuf", setsockopt(s, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer));
    say(" is", option(s, SOL_SOCKET, SO_RCVBUF));
    say("rcvtimeo", setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time));
    say("short", setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, 1));
    say("bad address", setsockopt(s, SOL_SOCKET, SO_REUSEADDR, (void *)1, 4));
    say("error", option(s, SOL_SOCKET, SO_ERROR));
    say("on no socket", setsockopt(0, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one));
    say("on nothing", setsockopt(99, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one));
    int six = socket(AF_INET6, SOCK_STREAM, 0);
    say("v6only", setsockopt(six, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one));
    close(six);
    close(s);
}

static void inet(int family) {
    struct sockaddr_in in = {AF_INET, 0, {htonl(INADDR_LOOPBACK)}};
    struct sockaddr_in6 in6 = {AF_INET6, 0, 0, IN6ADDR_LOOPBACK_INIT};
    struct sockaddr_storage name;
    void *a = family == AF_INET ? (void *)&in : (void *)&in6;
    socklen_t size = family == AF_INET ? sizeof in : sizeof in6, n = size;
    printf("- family %d\n", family);
    int l = socket(family, SOCK_STREAM, 0);
    say("accept before listen", accept(l, 0, 0));
    say("bind short", bind(l, a, 4));
    say("bind", bind(l, a, size));
    say("bind again", bind(l, a, size));
    say("listen", listen(l, 5));
    say("getsockname", getsockname(l, a, &n));
    say(" length", n);
    int other = socket(family, SOCK_STREAM, 0);
    say("bind in use", bind(other, a, size));
    say("connect short", connect(other, a, 4));
    say("connect bad address", connect(other, (void *)1, size));
    say("connect family", connect(other, (void *)&(struct sockaddr_un){AF_UNIX, "/tmp/none"}, sizeof(struct sockaddr_un)));
    int c = socket(family, SOCK_STREAM, 0);
    say("connect", connect(c, a, size));
    say("connect again", connect(c, a, size));
    n = sizeof name;
    int s = got("accept", accept4(l, (void *)&name, &n, SOCK_CLOEXEC));
    say(" length", n);
    say(" cloexec", fcntl(s, F_GETFD));
    say("getpeername", getpeername(s, (void *)&name, &n));
    say("getpeername of none", getpeername(other, (void *)&name, &n));
    char b[100];
    say("send", send(c, "hello", 5, 0));
    say("peek", recv(s, b, sizeof b, MSG_PEEK));
    say("recv", recv(s, b, 2, 0));
    say("recv rest", recv(s, b, sizeof b, 0));
    say("would wait", recv(s, b, sizeof b, MSG_DONTWAIT));
    say("sendto connected", sendto(s, "abc", 3, 0, 0, 0));
    say("waitall", recv(c, b, 3, MSG_WAITALL));
    say("shutdown how", shutdown(c, 9));
    say("shutdown", shutdown(c, SHUT_WR));
    say("end", recv(s, b, sizeof b, 0));
    signal(SIGPIPE, SIG_IGN);
    say("send after", send(c, "x", 1, 0));
    say("other way", send(s, "back", 4, 0));
    say("still read", recv(c, b, sizeof b, 0));
    say("shutdown none", shutdown(other, SHUT_RD));
    struct pollfd p = {s, POLLIN | POLLOUT};
    say("poll", poll(&p, 1, 1000));
    say(" events", p.revents);
    close(c), close(s), close(l);
    say("refused", connect(other, a, size));
    close(other);
    int u = socket(family, SOCK_DGRAM, 0), v = socket(family, SOCK_DGRAM, 0);
    if (family == AF_INET) in.sin_port = 0; else in6.sin6_port = 0;
    say("udp bind", bind(u, a, size));
    n = size;
    getsockname(u, a, &n);
    say("udp send unconnected", send(v, "x", 1, 0));
    say("udp sendto", sendto(v, "datagram", 8, 0, a, size));
    n = sizeof name;
    say("udp recvfrom", recvfrom(u, b, 4, MSG_TRUNC, (void *)&name, &n));
    struct iovec io[2] = {{"ab", 2}, {"cde", 3}};
    struct mmsghdr m[2] = {{{a, size, io, 2}}, {{a, size, io, 1}}};
    say("udp sendmsg", sendmsg(v, &m[0].msg_hdr, 0));
    say("udp sendmmsg", sendmmsg(v, m, 2, 0));
    say("udp recv", recv(u, b, sizeof b, 0));
    say("udp recv", recv(u, b, sizeof b, 0));
    say("udp recv", recv(u, b, sizeof b, 0));
    say("udp connect", connect(v, a, size));
    say("udp send", send(v, "y", 1, 0));
    say("udp unconnect", connect(v, (void *)&(struct sockaddr){AF_UNSPEC}, sizeof(struct sockaddr)));
    say("udp send", send(v, "y", 1, 0));
    int waiting = -1;
    ioctl(u, FIONREAD, &waiting);
    say("fionread", waiting);
    close(u), close(v);
}

static void local(int type) {
    struct sockaddr_un path = {AF_UNIX, "/tmp/socket"}, abstract = {AF_UNIX, "\0name"}, name;
    socklen_t n = sizeof name, short_ = offsetof(struct sockaddr_un, sun_path) + 5;
    printf("- local %d\n", type);
    unlink("/tmp/socket");
    int l = socket(AF_UNIX, type, 0), c = socket(AF_UNIX, type, 0), s = -1;
    say("connect none", connect(c, (void *)&path, sizeof path));
    say("bind", bind(l, (void *)&path, sizeof path));
    int again = socket(AF_UNIX, type, 0);
    say("bind in use", bind(again, (void *)&path, sizeof path));
    say("getsockname", getsockname(l, (void *)&name, &n));
    printf(" %d %s\n", n, name.sun_path);
    say("bind abstract", bind(again, (void *)&abstract, short_));
    n = sizeof name;
    getsockname(again, (void *)&name, &n);
    printf(" %d %s\n", n, name.sun_path + 1);
    say("listen", listen(l, 5));
    say("connect", connect(c, (void *)&path, sizeof path));
    if (type != SOCK_DGRAM) {
        s = got("accept", accept(l, 0, 0));
    } else {
        s = l;
    }
    struct ucred peer;
    n = sizeof peer;
    if (!say("peercred", getsockopt(s, SOL_SOCKET, SO_PEERCRED, &peer, &n))) printf(" own %d uid %d\n", peer.pid == getpid(), peer.uid);
    int one = 1, files[2];
    pipe(files);
    say("passcred", setsockopt(s, SOL_SOCKET, SO_PASSCRED, &one, sizeof one));
    char control[200] = {0}, data[20];
    struct iovec v = {"with", 4}, w = {data, sizeof data};
    struct msghdr m = {0, 0, &v, 1, control, CMSG_SPACE(8)}, r = {0, 0, &w, 1, control, sizeof control};
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    *h = (struct cmsghdr){CMSG_LEN(8), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(h), files, 8);
    say("send descriptors", sendmsg(c, &m, 0));
    say("receive", recvmsg(s, &r, MSG_CMSG_CLOEXEC));
    say(" flags", r.msg_flags);
    for (h = CMSG_FIRSTHDR(&r); h; h = CMSG_NXTHDR(&r, h)) {
        printf(" control %d of %ld\n", h->cmsg_type, (long)h->cmsg_len);
        if (h->cmsg_type == SCM_RIGHTS) {
            int *f = (int *)CMSG_DATA(h);
            say(" write through it", write(f[1], "thr", 3));
            say(" read", read(files[0], data, 10));
            say(" cloexec", fcntl(f[0], F_GETFD));
        } else if (h->cmsg_type == SCM_CREDENTIALS) {
            struct ucred *u = (struct ucred *)CMSG_DATA(h);
            printf(" own %d uid %d\n", u->pid == getpid(), u->uid);
        }
    }
    ((int *)CMSG_DATA(CMSG_FIRSTHDR(&m)))[0] = 99;
    m.msg_controllen = CMSG_SPACE(8);
    *CMSG_FIRSTHDR(&m) = (struct cmsghdr){CMSG_LEN(8), SOL_SOCKET, SCM_RIGHTS};
    say("send bad descriptors", sendmsg(c, &m, 0));
    unlink("/tmp/socket");
    int late = socket(AF_UNIX, type, 0);
    say("connect gone", connect(late, (void *)&path, sizeof path));
    close(late), close(again), close(l), close(c), close(s);
    say("connect abstract gone", connect(late = socket(AF_UNIX, type, 0), (void *)&abstract, short_));
    close(late);
}

static void netlink(void) {
    struct ifaddrs *all;
    printf("- netlink\n");
    if (say("getifaddrs", getifaddrs(&all)) == 0) {
        for (struct ifaddrs *i = all; i; i = i->ifa_next) {
            char text[64] = "";
            if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET) inet_ntop(AF_INET, &((struct sockaddr_in *)i->ifa_addr)->sin_addr, text, 64);
            if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET6) inet_ntop(AF_INET6, &((struct sockaddr_in6 *)i->ifa_addr)->sin6_addr, text, 64);
            printf(" %s %d %s\n", i->ifa_name, i->ifa_addr ? i->ifa_addr->sa_family : -1, text);
        }
        freeifaddrs(all);
    }
    say("index of lo", if_nametoindex("lo"));
    int s = got("socket", socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    struct sockaddr_nl a = {AF_NETLINK}, b;
    socklen_t n = sizeof b;
    say("bind", bind(s, (void *)&a, sizeof a));
    say("getsockname", getsockname(s, (void *)&b, &n));
    printf(" %d has a port %d\n", n, b.nl_pid != 0);
    struct { struct nlmsghdr h; struct rtmsg r; char more[64]; } q = {{NLMSG_LENGTH(sizeof q.r), RTM_GETROUTE, NLM_F_REQUEST | NLM_F_DUMP, 1}, {AF_INET}};
    char answer[32768];
    say("routes", sendto(s, &q, q.h.nlmsg_len, 0, (void *)&a, sizeof a) == q.h.nlmsg_len ? 0 : -1);
    for (int end = 0, count = 0; !end; ) {
        long len = recv(s, answer, sizeof answer, 0);
        if (len < 0) { say("recv", -1); break; }
        for (struct nlmsghdr *h = (void *)answer; NLMSG_OK(h, len); h = NLMSG_NEXT(h, len)) {
            count += h->nlmsg_type == RTM_NEWROUTE;
            end |= h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR;
        }
        if (end) printf(" some %d\n", count > 0);
    }
    // What changes something, by each way to say it.
    struct { struct nlmsghdr h; struct ifinfomsg i; } down = {{NLMSG_LENGTH(sizeof down.i), RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, 2}, {AF_UNSPEC, 0, 0, 1, 0, IFF_UP}};
    struct iovec v = {&down, sizeof down};
    struct msghdr m = {&a, sizeof a, &v, 1};
    for (int way = 0; way < 4; way++) {
        long sent = way == 0 ? write(s, &down, sizeof down) : way == 1 ? send(s, &down, sizeof down, 0)
            : way == 2 ? sendto(s, &down, sizeof down, 0, (void *)&a, sizeof a) : sendmsg(s, &m, 0);
        long len = sent < 0 ? -1 : recv(s, answer, sizeof answer, 0);
        struct nlmsghdr *h = (void *)answer;
        printf("lo down, way %d: %d\n", way, len < 0 ? -errno : h->nlmsg_type == NLMSG_ERROR ? ((struct nlmsgerr *)NLMSG_DATA(h))->error : 1);
    }
    close(s);
}

static void refusals(void) {
    int family[] = {NETLINK_NETFILTER, NETLINK_GENERIC, NETLINK_XFRM, NETLINK_AUDIT, NETLINK_KOBJECT_UEVENT, NETLINK_SOCK_DIAG}, open = 0;
    for (int i = 0; i < 6; i++) open += socket(AF_NETLINK, SOCK_RAW, family[i]) >= 0;
    printf("other netlink: %d\n", open);
    open = 0;
    int others[] = {AF_PACKET, AF_KEY, 38 /* AF_ALG */, 40 /* AF_VSOCK */, 44 /* AF_XDP */, 30 /* AF_TIPC */, 29 /* AF_CAN */};
    for (int i = 0; i < 7; i++) open += socket(others[i], SOCK_DGRAM, 0) >= 0;
    open += socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) >= 0;
    printf("other families: %d\n", open);
    struct ifreq r = {"lo"};
    say("interface by ioctl", ioctl(socket(AF_INET, SOCK_DGRAM, 0), SIOCSIFFLAGS, &r));
}

int main(int argc, char **argv) {
    alarm(60);
    if (argc > 1) {
        refusals();
        return 0;
    }
    kinds();
    options();
    inet(AF_INET);
    inet(AF_INET6);
    local(SOCK_STREAM);
    local(SOCK_SEQPACKET);
    local(SOCK_DGRAM);
    netlink();
    return 0;
}
