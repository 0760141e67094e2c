/** What a container may use, by its control groups, and the texts that tell a guest so. All but {@code ContainerLimits} is pure. */
@NullMarked
package dev.caisson.trap.limits;

import org.jspecify.annotations.NullMarked;
