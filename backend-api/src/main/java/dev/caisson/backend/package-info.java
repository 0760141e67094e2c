/** Placeholder, replaced with the first class. */
@NullMarked
package dev.caisson.backend;

import org.jspecify.annotations.NullMarked;
