@NullMarked
package dev.caisson.kvm.memory;

import org.jspecify.annotations.NullMarked;
