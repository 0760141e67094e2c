@NullMarked
package dev.caisson.kvm.virtio.vsock;

import org.jspecify.annotations.NullMarked;
