/** Tests of the package of the same name. */
@NullMarked
package dev.caisson.trap.data;

import org.jspecify.annotations.NullMarked;
