/* The roles of this binary; main.c chooses one. Each returns the process's exit code. */
#ifndef CAISSON_ROLES_H
#define CAISSON_ROLES_H

/* Under its own name or a shim's: lets caissond do what argv asks for. */
int command_main(int argc, char **argv, char **envp);
/* caisson-monitor STATE-DIR DAEMON POD, with the pod's listening socket as descriptor 3. */
int monitor_main(int argc, char **argv);
/* caisson-init [PROGRAM [ARG...]]: first process of a pid namespace. */
int init_main(int argc, char **argv, char **envp);

#endif
