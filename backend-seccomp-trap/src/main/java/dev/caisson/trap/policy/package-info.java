/** What a workload asks for, recorded, and nothing else allowed. Pure but for {@code Recorders}. */
@NullMarked
package dev.caisson.trap.policy;

import org.jspecify.annotations.NullMarked;
