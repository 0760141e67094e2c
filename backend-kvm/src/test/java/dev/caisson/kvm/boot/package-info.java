@NullMarked
package dev.caisson.kvm.boot;

import org.jspecify.annotations.NullMarked;
