@NullMarked
package dev.caisson.kvm.pod;

import org.jspecify.annotations.NullMarked;
