/** Identities of processes and of the system: exec, users and rights, uname, and the calls that are answered by a constant. */
@NullMarked
package dev.caisson.trap.ident;

import org.jspecify.annotations.NullMarked;
