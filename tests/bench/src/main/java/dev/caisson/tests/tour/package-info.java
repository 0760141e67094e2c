/** {@code ./dev run}: the product shown at work on a real containerd. */
@NullMarked
package dev.caisson.tests.tour;

import org.jspecify.annotations.NullMarked;
