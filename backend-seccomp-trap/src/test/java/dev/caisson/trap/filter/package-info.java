/** Tests of the package of the same name. */
@NullMarked
package dev.caisson.trap.filter;

import org.jspecify.annotations.NullMarked;
