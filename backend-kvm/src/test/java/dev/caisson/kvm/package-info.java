@NullMarked
package dev.caisson.kvm;

import org.jspecify.annotations.NullMarked;
