/**
 * System calls by the JDK's foreign-memory API, for what is so hot that a native method's transition would show: the userspace
 * kernel and the virtual machine monitor. Owns the one call handle, blocks of native memory, mappings that are shared with the kernel or a
 * guest, seccomp user notification and access to another process's memory. Nothing here is for the daemon, whose start the handle would slow
 * down. Start reading at {@link dev.caisson.linux.direct.KernelCalls}.
 */
@NullMarked
package dev.caisson.linux.direct;

import org.jspecify.annotations.NullMarked;
