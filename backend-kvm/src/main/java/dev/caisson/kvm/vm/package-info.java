/** A machine: assembles it, runs its processors, ends it. Start reading at {@link VirtualMachine}. */
@NullMarked
package dev.caisson.kvm.vm;

import org.jspecify.annotations.NullMarked;
