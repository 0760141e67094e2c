@NullMarked
package dev.caisson.kvm.vm;

import org.jspecify.annotations.NullMarked;
