/**
 * System calls for what makes very many of them: the userspace kernel and the virtual machine monitor. Raw numbers and raw results, blocks of
 * native memory that are kept, mappings that are shared with the kernel or a guest (the JDK's foreign-memory API, which nothing
 * else here loads), seccomp user notification and access to another process's memory. Start reading at
 * {@link dev.caisson.linux.direct.KernelCalls}.
 */
@NullMarked
package dev.caisson.linux.direct;

import org.jspecify.annotations.NullMarked;
