@NullMarked
package dev.caisson.kvm.virtio.net;

import org.jspecify.annotations.NullMarked;
