/** A guest's physical memory. All access to it passes {@link GuestMemory}, which checks every address. */
@NullMarked
package dev.caisson.kvm.memory;

import org.jspecify.annotations.NullMarked;
