/** Tests of the package of the same name. */
@NullMarked
package dev.caisson.trap.limits;

import org.jspecify.annotations.NullMarked;
