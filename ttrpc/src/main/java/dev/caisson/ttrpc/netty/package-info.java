/** ttrpc over unix stream sockets, on Netty's native epoll transport. */
@NullMarked
package dev.caisson.ttrpc.netty;

import org.jspecify.annotations.NullMarked;
