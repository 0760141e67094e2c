@NullMarked
package dev.caisson.kvm.vmm;

import org.jspecify.annotations.NullMarked;
