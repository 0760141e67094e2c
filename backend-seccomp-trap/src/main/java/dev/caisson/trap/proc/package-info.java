/**
 * What a guest sees below /proc. Processes are the kernel's own procfs of the container's pid namespace, as far as a list allows; everything
 * else is written here and given as a sealed memory file. Start reading at {@link dev.caisson.trap.proc.ProcFiles}.
 */
@NullMarked
package dev.caisson.trap.proc;

import org.jspecify.annotations.NullMarked;
