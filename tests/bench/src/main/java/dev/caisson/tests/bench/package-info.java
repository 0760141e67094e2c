/**
 * The bench: every row of the specification's performance promises, measured in interleaved rounds with the peers under
 * the same containerds, because only ratios within one run mean anything on a shared machine.
 */
@NullMarked
package dev.caisson.tests.bench;

import org.jspecify.annotations.NullMarked;
