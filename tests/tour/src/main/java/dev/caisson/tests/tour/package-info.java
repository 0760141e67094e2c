/** {@code ./dev run}: a tour for somebody who has never seen Caisson. */
@NullMarked
package dev.caisson.tests.tour;

import org.jspecify.annotations.NullMarked;
