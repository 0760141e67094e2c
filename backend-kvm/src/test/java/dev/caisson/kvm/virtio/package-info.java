@NullMarked
package dev.caisson.kvm.virtio;

import org.jspecify.annotations.NullMarked;
