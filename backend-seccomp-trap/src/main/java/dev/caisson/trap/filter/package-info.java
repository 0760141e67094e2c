/**
 * What becomes of each system call: the table, the filter that is compiled from it, and the page for people. Owns the verdicts. Knows
 * no process and opens nothing. Start reading at {@link dev.caisson.trap.filter.CallTable}.
 */
@NullMarked
package dev.caisson.trap.filter;

import org.jspecify.annotations.NullMarked;
