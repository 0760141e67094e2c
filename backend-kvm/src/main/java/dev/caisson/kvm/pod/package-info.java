/** The daemon's view of a pod's machine: its process, its control socket, its agent. */
@NullMarked
package dev.caisson.kvm.pod;

import org.jspecify.annotations.NullMarked;
