/** Whether this host's /dev/kvm runs guests. */
@NullMarked
package dev.caisson.kvm.probe;

import org.jspecify.annotations.NullMarked;
