/** Kernels and initramfs on their way into a guest's memory. */
@NullMarked
package dev.caisson.kvm.boot;

import org.jspecify.annotations.NullMarked;
