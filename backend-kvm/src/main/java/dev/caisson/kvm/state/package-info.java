/** How the state of a machine that stands still is written down and read again. */
@NullMarked
package dev.caisson.kvm.state;

import org.jspecify.annotations.NullMarked;
