@NullMarked
package dev.caisson.kvm.guest;

import org.jspecify.annotations.NullMarked;
