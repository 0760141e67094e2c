/** What a container's processes mount: decided here, done by its guard. */
@NullMarked
package dev.caisson.trap.mounts;

import org.jspecify.annotations.NullMarked;
