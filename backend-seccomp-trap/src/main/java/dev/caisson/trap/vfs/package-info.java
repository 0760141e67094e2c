/**
 * Calls by name. The answering thread lives in the container's mount namespace with its root, and has the caller's file rights: so a name means to it what
 * the kernel would have made of it for the caller, and cannot mean anything outside. What lies below /proc is {@link dev.caisson.trap.proc}'s. Start
 * reading at {@link dev.caisson.trap.vfs.Names}.
 */
@NullMarked
package dev.caisson.trap.vfs;

import org.jspecify.annotations.NullMarked;
