/**
 * ttrpc, containerd's RPC protocol for its shims: a server and a client that know nothing of sockets. Frames come in by
 * {@code onFrame} and leave through a {@link dev.caisson.ttrpc.FrameSink}; {@link dev.caisson.ttrpc.netty} puts them on
 * unix sockets. The wire format is in {@link dev.caisson.ttrpc.wire}, containerd's messages in
 * {@code dev.caisson.ttrpc.proto}.
 */
@NullMarked
package dev.caisson.ttrpc;

import org.jspecify.annotations.NullMarked;
