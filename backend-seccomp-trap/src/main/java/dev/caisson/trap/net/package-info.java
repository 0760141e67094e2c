/** Sockets: made here, in the container's network namespace, if their kind is one of a short list. */
@NullMarked
package dev.caisson.trap.net;

import org.jspecify.annotations.NullMarked;
