/** Templates: machines that were written down when their agents were ready. What they are known by, where they lie, which one is taken. */
@NullMarked
package dev.caisson.kvm.template;

import org.jspecify.annotations.NullMarked;
