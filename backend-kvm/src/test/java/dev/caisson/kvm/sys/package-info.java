@NullMarked
package dev.caisson.kvm.sys;

import org.jspecify.annotations.NullMarked;
