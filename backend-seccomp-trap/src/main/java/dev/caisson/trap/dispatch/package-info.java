/**
 * A stopped call on its way to an answer: what it is, who made it, with whose rights it is answered. Owns the calling convention of handlers.
 * Knows no file system. Start reading at {@link dev.caisson.trap.dispatch.GuestCall}.
 */
@NullMarked
package dev.caisson.trap.dispatch;

import org.jspecify.annotations.NullMarked;
