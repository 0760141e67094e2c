/** Devices of a PC that are not virtio. */
@NullMarked
package dev.caisson.kvm.device;

import org.jspecify.annotations.NullMarked;
