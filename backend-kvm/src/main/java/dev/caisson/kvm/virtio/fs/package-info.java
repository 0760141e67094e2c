/** Host files that a guest sees live: a virtio file system device and the FUSE server behind it. */
@NullMarked
package dev.caisson.kvm.virtio.fs;

import org.jspecify.annotations.NullMarked;
