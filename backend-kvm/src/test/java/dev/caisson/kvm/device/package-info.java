@NullMarked
package dev.caisson.kvm.device;

import org.jspecify.annotations.NullMarked;
