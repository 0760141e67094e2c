/* The roles of this binary; main.c chooses one. Each returns the process's exit code. */
#ifndef CAISSON_ROLES_H
#define CAISSON_ROLES_H

#include <stdint.h>

#include "wire.h"

/* Under its own name or a shim's: lets caissond do what argv asks for. */
int command_main(int argc, char **argv, char **envp);
/* Asks caissond, again when it is lost. Returns only when the link was given to hands_begin. */
void command_ask(uint32_t resume);
/* OUTPUT and END, also while there is a link. */
void command_output(const struct wire *, const uint8_t *);
void command_finish(int code) __attribute__((noreturn));
/* hands.c: a monitor for the length of one command. */
void hands_begin(int fd, const struct wire *, const uint8_t *);

/* caisson-monitor STATE-DIR DAEMON POD, with the pod's listening socket as descriptor 3. */
int monitor_main(int argc, char **argv);
/* caisson-init [PROGRAM [ARG...]]: first process of a pid namespace. */
int init_main(int argc, char **argv, char **envp);
/* /init [PROGRAM [ARG...]]: first process of a virtual machine. */
int boot_main(int argc, char **argv, char **envp);
/* caisson --play: a plan from standard input. */
int player_main(void);

#endif
