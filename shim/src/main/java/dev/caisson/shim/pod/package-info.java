/** Which pods, monitors and containers there are. Start reading at {@link dev.caisson.shim.pod.PodRegistry}. */
@NullMarked
package dev.caisson.shim.pod;

import org.jspecify.annotations.NullMarked;
