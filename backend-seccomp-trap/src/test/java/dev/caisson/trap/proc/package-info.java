/** Tests of the package of the same name. */
@NullMarked
package dev.caisson.trap.proc;

import org.jspecify.annotations.NullMarked;
