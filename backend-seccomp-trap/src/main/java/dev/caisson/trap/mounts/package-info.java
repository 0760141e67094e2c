/** What a container may mount, and how its guard, who does it, is asked. {@code vfs.MountCalls} answers the calls. */
@NullMarked
package dev.caisson.trap.mounts;

import org.jspecify.annotations.NullMarked;
