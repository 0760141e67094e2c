/**
 * Reads, writes and messages of the strict tier, done here on a copy of the caller's descriptor, which is the same open file. Owns what is known of
 * kinds of files. Start reading at {@link dev.caisson.trap.data.DataCalls}.
 */
@NullMarked
package dev.caisson.trap.data;

import org.jspecify.annotations.NullMarked;
