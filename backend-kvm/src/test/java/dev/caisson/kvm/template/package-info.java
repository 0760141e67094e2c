@NullMarked
package dev.caisson.kvm.template;

import org.jspecify.annotations.NullMarked;
