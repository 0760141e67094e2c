/** Kernels and initramfs: out of Debian's files, into a guest's memory. */
@NullMarked
package dev.caisson.kvm.boot;

import org.jspecify.annotations.NullMarked;
