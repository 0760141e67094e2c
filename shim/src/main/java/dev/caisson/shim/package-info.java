/**
 * containerd's view of the runtime: names that its parts share. Each sub-package has one job: {@code link} talks to monitors,
 * {@code pod} knows which there are, {@code task} serves the Task API, {@code events} publishes, {@code state} stores, {@code
 * translate} turns wire types into ours, {@code command} answers the shim binary.
 */
@NullMarked
package dev.caisson.shim;

import org.jspecify.annotations.NullMarked;
