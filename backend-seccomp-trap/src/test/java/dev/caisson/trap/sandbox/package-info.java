/** Tests of the package of the same name. */
@NullMarked
package dev.caisson.trap.sandbox;

import org.jspecify.annotations.NullMarked;
