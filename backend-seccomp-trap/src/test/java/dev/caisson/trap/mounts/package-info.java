/** Tests of the package of the same name. */
@NullMarked
package dev.caisson.trap.mounts;

import org.jspecify.annotations.NullMarked;
