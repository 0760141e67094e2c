/** The process that is a pod's machine. */
@NullMarked
package dev.caisson.kvm.vmm;

import org.jspecify.annotations.NullMarked;
