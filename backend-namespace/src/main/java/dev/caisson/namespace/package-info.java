/** Placeholder, replaced with the first class. */
@NullMarked
package dev.caisson.namespace;

import org.jspecify.annotations.NullMarked;
