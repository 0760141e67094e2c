@NullMarked
package dev.caisson.kvm.virtio.fs;

import org.jspecify.annotations.NullMarked;
