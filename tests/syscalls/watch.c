// Says what inotify(7) tells of the files that it is given, for ever: a line for each event.
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

static const struct {
    unsigned mask;
    const char *name;
} KINDS[] = {
    {IN_CREATE, "CREATE"},           {IN_DELETE, "DELETE"},         {IN_MODIFY, "MODIFY"},
    {IN_ATTRIB, "ATTRIB"},           {IN_CLOSE_WRITE, "CLOSE_WRITE"}, {IN_MOVED_FROM, "MOVED_FROM"},
    {IN_MOVED_TO, "MOVED_TO"},       {IN_MOVE_SELF, "MOVE_SELF"},   {IN_DELETE_SELF, "DELETE_SELF"},
    {IN_IGNORED, "IGNORED"},
};

int main(int argc, char **argv)
{
    int fd = inotify_init();
    unsigned all = 0;
    for (unsigned i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++)
        all |= KINDS[i].mask;
    for (int i = 1; i < argc; i++) {
        if (inotify_add_watch(fd, argv[i], all & ~IN_IGNORED) != i) {
            printf("inotify_add_watch %s: %s\n", argv[i], strerror(errno));
            return 1;
        }
    }
    printf("ready\n");
    fflush(stdout);
    char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    for (;;) {
        ssize_t got = read(fd, buffer, sizeof(buffer));
        if (got <= 0)
            return 2;
        for (char *at = buffer; at < buffer + got;) {
            struct inotify_event *event = (struct inotify_event *) at;
            for (unsigned i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++)
                if (event->mask & KINDS[i].mask)
                    printf("%s %s%s%s\n", KINDS[i].name, argv[event->wd], event->len ? "/" : "",
                           event->len ? event->name : "");
            at += sizeof(*event) + event->len;
        }
        fflush(stdout);
    }
}
