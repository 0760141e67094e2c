/** Sockets between guest and host (virtio 1.2, 5.10), which on the host are unix sockets. Start reading at {@link VsockDevice}. */
@NullMarked
package dev.caisson.kvm.virtio.vsock;

import org.jspecify.annotations.NullMarked;
