/** Placeholder, replaced with the first class. */
@NullMarked
package dev.caisson.ttrpc;

import org.jspecify.annotations.NullMarked;
