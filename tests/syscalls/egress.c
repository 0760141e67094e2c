// Sends that an egress policy allows and refuses. In a network namespace with 10.98.1.1 to .4, .53 and fd00:98::1, ::2 on lo. The policy: tcp and udp
// 10.98.1.1:7000, tcp [fd00:98::1]:7000, tcp names.test:7000, dns 10.98.1.53.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

typedef union {
    struct sockaddr a;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
} place;

static socklen_t at(place *p, const char *host, int port) {
    memset(p, 0, sizeof *p);
    if (strchr(host, ':')) {
        p->in6.sin6_family = AF_INET6;
        p->in6.sin6_port = htons(port);
        inet_pton(AF_INET6, host, &p->in6.sin6_addr);
        return sizeof p->in6;
    }
    p->in.sin_family = AF_INET;
    p->in.sin_port = htons(port);
    inet_pton(AF_INET, host, &p->in.sin_addr);
    return sizeof p->in;
}

static void say(const char *what, long result) {
    printf("%s: %s\n", what, result < 0 ? strerrorname_np(errno) : "ok");
    fflush(stdout);
}

static int bound(int type, const char *host, int port) {
    place p;
    socklen_t n = at(&p, host, port);
    int s = socket(p.a.sa_family, type | SOCK_CLOEXEC, 0), one = 1;
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(s, &p.a, n) || (type == SOCK_STREAM && listen(s, 100))) {
        perror(host);
        exit(1);
    }
    return s;
}

static int family(const char *host) { return strchr(host, ':') ? AF_INET6 : AF_INET; }

static void tcp(const char *what, const char *host, int port) {
    place p;
    socklen_t n = at(&p, host, port);
    int s = socket(p.a.sa_family, SOCK_STREAM, 0);
    say(what, connect(s, &p.a, n));
    close(s);
}

static void udp(const char *what, const char *host, int port) {
    place p;
    socklen_t n = at(&p, host, port);
    int s = socket(p.a.sa_family, SOCK_DGRAM, 0);
    char line[100];
    struct iovec v = {"x", 1};
    struct mmsghdr m[2] = {{{&p, n, &v, 1}}, {{&p, n, &v, 1}}};
    snprintf(line, sizeof line, "%s sendto", what);
    say(line, sendto(s, "x", 1, 0, &p.a, n));
    snprintf(line, sizeof line, "%s sendmsg", what);
    say(line, sendmsg(s, &m[0].msg_hdr, 0));
    snprintf(line, sizeof line, "%s sendmmsg", what);
    say(line, sendmmsg(s, m, 2, 0));
    snprintf(line, sizeof line, "%s connect", what);
    say(line, connect(s, &p.a, n));
    close(s);
}

static volatile int moved;

static void *names(void *socket) {
    int s = (int)(long)socket;
    unsigned char m[512];
    place from;
    for (;;) {
        socklen_t n = sizeof from;
        ssize_t got = recvfrom(s, m, sizeof m - 16, 0, &from.a, &n);
        if (got < 12 + 16) continue;
        m[2] = 0x81;
        m[3] = 0x80;
        if (m[got - 3] == 1) { // an A
            static const unsigned char head[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4, 10, 98, 1};
            m[7] = 1;
            memcpy(m + got, head, sizeof head);
            got += sizeof head;
            m[got++] = moved ? 4 : 3;
        }
        sendto(s, m, got, 0, &from.a, n);
    }
    return 0;
}

// ---- two threads, one of which exchanges what the other one names ----

static place flipped;
static volatile int done;
static int unixSocket, inetSocket;
#define FLIPPED_FD 90

static void pass(void) {
    for (volatile int i = 0; i < 200; i++) {}
    __asm__ volatile("" ::: "memory");
}

static void *addresses(void *unused) {
    place good, bad;
    at(&good, "10.98.1.1", 7000);
    at(&bad, "10.98.1.2", 7000);
    while (!done) {
        flipped.in.sin_addr = bad.in.sin_addr;
        pass();
        flipped.in.sin_addr = good.in.sin_addr;
        pass();
    }
    return 0;
}

static void *files(void *unused) {
    place bad, un = {.un = {AF_UNIX, "/tmp/u"}};
    at(&bad, "10.98.1.2", 7000);
    while (!done) {
        memcpy(&flipped, &bad, sizeof bad.in);
        dup2(inetSocket, FLIPPED_FD);
        pass();
        memcpy(&flipped, &un, sizeof un.un);
        dup2(unixSocket, FLIPPED_FD);
        pass();
    }
    return 0;
}

static long drained(int s) {
    char c[16];
    long n = 0;
    while (recv(s, c, sizeof c, MSG_DONTWAIT) >= 0) n++;
    return n;
}

static int rounds;

static void race(const char *how, int good, int bad) {
    pthread_t t;
    long escaped = 0, went = 0;
    int isFiles = !strcmp(how, "descriptor");
    done = 0;
    drained(good);
    drained(bad);
    at(&flipped, "10.98.1.1", 7000);
    unixSocket = socket(AF_UNIX, SOCK_DGRAM, 0);
    inetSocket = socket(AF_INET, SOCK_DGRAM, 0);
    dup2(unixSocket, FLIPPED_FD);
    pthread_create(&t, 0, isFiles ? files : addresses, 0);
    for (int i = 0; i < rounds; i++) {
        int s = isFiles ? FLIPPED_FD : socket(AF_INET, !strcmp(how, "tcp") ? SOCK_STREAM : SOCK_DGRAM, 0);
        if (!strcmp(how, "sendto") || isFiles) {
            struct iovec v = {"x", 1};
            struct msghdr m = {&flipped, isFiles ? sizeof flipped.un : sizeof flipped.in, &v, 1};
            long sent = isFiles ? sendmsg(s, &m, MSG_DONTWAIT) : sendto(s, "x", 1, 0, &flipped.a, sizeof flipped.in);
            went += sent > 0;
            if (i % 50 == 0) escaped += drained(bad);
        } else if (!connect(s, &flipped.a, sizeof flipped.in)) {
            place peer;
            socklen_t n = sizeof peer;
            went++;
            if (!getpeername(s, &peer.a, &n) && peer.in.sin_addr.s_addr == inet_addr("10.98.1.2")) escaped++;
        }
        if (!isFiles) close(s);
    }
    done = 1;
    pthread_join(t, 0);
    escaped += drained(bad);
    printf("race %s: %s%s\n", how, went || isFiles ? "" : "nothing went, ", escaped ? "ESCAPED" : "held");
    fflush(stdout);
}

int main(int argc, char **argv) {
    alarm(250);
    if (argc == 2 && !strcmp(argv[1], "names")) { // outside of the container
        alarm(0);
        pthread_t t;
        pthread_create(&t, 0, names, (void *)(long)bound(SOCK_DGRAM, "10.98.1.53", 53));
        int told = bound(SOCK_STREAM, "127.0.0.1", 7999);
        for (;;) {
            close(accept(told, 0, 0));
            moved = 1;
        }
    }
    if (argc == 3) { // an exec
        tcp("exec", argv[1], atoi(argv[2]));
        return 0;
    }
    rounds = atoi(argv[1]);
    int good = bound(SOCK_DGRAM, "10.98.1.1", 7000), bad = bound(SOCK_DGRAM, "10.98.1.2", 7000);
    bound(SOCK_DGRAM, "fd00:98::1", 7000), bound(SOCK_DGRAM, "fd00:98::2", 7000);
    for (const char *const *h = (const char *const[]){"0.0.0.0", "fd00:98::1", "fd00:98::2", 0}; *h; h++) {
        int a = bound(SOCK_STREAM, *h, 7000), b = bound(SOCK_STREAM, *h, 7001);
        if (!fork()) {
            alarm(0);
            signal(SIGCHLD, SIG_IGN);
            if (!fork()) for (;;) close(accept(b, 0, 0));
            for (;;) close(accept(a, 0, 0));
        }
    }
    tcp("allowed", "10.98.1.1", 7000);
    tcp("other port", "10.98.1.1", 7001);
    tcp("other address", "10.98.1.2", 7000);
    tcp("itself", "127.0.0.1", 7001);
    tcp("mapped", "::ffff:10.98.1.1", 7000);
    tcp("mapped other", "::ffff:10.98.1.2", 7000);
    tcp("six", "fd00:98::1", 7000);
    tcp("six other port", "fd00:98::1", 7001);
    tcp("six other address", "fd00:98::2", 7000);
    udp("datagram", "10.98.1.1", 7000);
    udp("datagram elsewhere", "10.98.1.2", 7000);
    udp("datagram mapped", "::ffff:10.98.1.1", 7000);
    udp("datagram mapped elsewhere", "::ffff:10.98.1.2", 7000);
    udp("datagram six, of tcp only", "fd00:98::1", 7000);
    place p;
    socklen_t n = at(&p, "10.98.1.2", 7000);
    int s = socket(AF_INET, SOCK_STREAM, 0);
    say("fast open", sendto(s, "x", 1, MSG_FASTOPEN, &p.a, n));
    close(s);
    s = socket(AF_INET, SOCK_DGRAM, 0);
    p.a.sa_family = AF_UNSPEC;
    say("no family", sendto(s, "x", 1, 0, &p.a, n) < 0 && (errno == EPERM || errno == EACCES) ? 0 : -1);
    unsigned char way[] = {131, 7, 4, 10, 98, 1, 2, 0}; // a loose source route by another host
    n = at(&p, "10.98.1.1", 7000);
    say("by another host", setsockopt(s, IPPROTO_IP, IP_OPTIONS, way, sizeof way) ? -1 : sendto(s, "x", 1, 0, &p.a, n));
    close(s);
    sleep(2);
    tcp("name", "10.98.1.3", 7000);
    tcp("name, other port", "10.98.1.3", 7001);
    tcp("told", "127.0.0.1", 7999);
    sleep(2);
    tcp("name that moved", "10.98.1.4", 7000);
    race("udp", good, bad);
    race("tcp", good, bad);
    race("sendto", good, bad);
    race("descriptor", good, bad);
    fflush(stdout);
    if (argc > 3) pause();
    signal(SIGTERM, SIG_IGN);
    kill(0, SIGTERM);
    return 0;
}
