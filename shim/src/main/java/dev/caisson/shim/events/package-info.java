/** Events on their way to containerd: one queue per containerd, serial, patient. Start reading at {@link dev.caisson.shim.events.EventQueue}. */
@NullMarked
package dev.caisson.shim.events;

import org.jspecify.annotations.NullMarked;
