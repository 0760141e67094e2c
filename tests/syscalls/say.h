// What a call answered, for programs whose output is compared.
#include <errno.h>
#include <stdio.h>
#include <string.h>

static long say(const char *what, long result) {
    if (result < 0) printf("%s: %s\n", what, strerrorname_np(errno));
    else printf("%s: %ld\n", what, result);
    fflush(stdout);
    return result;
}
