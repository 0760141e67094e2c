/**
 * Where a container may send to. What its processes are told by the wall is for programs and their logs; programs of the kernel hold them to it
 * ({@link dev.caisson.linux.bpf.EgressProgram}). Start reading at {@link dev.caisson.trap.egress.EgressPolicy}.
 */
@NullMarked
package dev.caisson.trap.egress;

import org.jspecify.annotations.NullMarked;
