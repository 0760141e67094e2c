/** The KVM wall as the daemon sees it. */
@NullMarked
package dev.caisson.kvm;

import org.jspecify.annotations.NullMarked;
