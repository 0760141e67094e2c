/** Placeholder, replaced with the first class. */
@NullMarked
package dev.caisson.shim;

import org.jspecify.annotations.NullMarked;
