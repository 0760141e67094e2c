/** Placeholder, replaced with the first class. */
@NullMarked
package dev.caisson.daemon;

import org.jspecify.annotations.NullMarked;
