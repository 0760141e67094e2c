/** Who answers for a port or an address of a guest. */
@NullMarked
package dev.caisson.kvm.bus;

import org.jspecify.annotations.NullMarked;
