/**
 * The seccomp-trap wall: a container whose system calls are answered by a kernel of ours. This package is the daemon's half: it changes the
 * configuration, launches the sandbox process and the container, and hands the one the other's notification descriptor. What answers is in
 * {@link dev.caisson.trap.sandbox} and below. Start reading at {@link dev.caisson.trap.TrapBackend}.
 */
@NullMarked
package dev.caisson.trap;

import org.jspecify.annotations.NullMarked;
