/** Network cards (virtio 1.2, 5.1) whose other end is a tap of the host's. Start reading at {@link NetDevice}. */
@NullMarked
package dev.caisson.kvm.virtio.net;

import org.jspecify.annotations.NullMarked;
