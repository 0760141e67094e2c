/** Virtio 1.2: queues, the MMIO transport, devices. Knows nothing of KVM; everything that a driver can write is hostile. */
@NullMarked
package dev.caisson.kvm.virtio;

import org.jspecify.annotations.NullMarked;
