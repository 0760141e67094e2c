/** Placeholder, replaced with the first class. */
@NullMarked
package dev.caisson.oci;

import org.jspecify.annotations.NullMarked;
