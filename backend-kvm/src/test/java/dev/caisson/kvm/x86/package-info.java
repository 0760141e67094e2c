@NullMarked
package dev.caisson.kvm.x86;

import org.jspecify.annotations.NullMarked;
