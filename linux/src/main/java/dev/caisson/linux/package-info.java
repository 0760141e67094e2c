/** Placeholder, replaced with the first class. */
@NullMarked
package dev.caisson.linux;

import org.jspecify.annotations.NullMarked;
