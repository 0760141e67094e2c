/**
 * The sandbox process: takes notification descriptors over and answers calls until its container has ended. Owns its threads. Start reading at
 * {@link dev.caisson.trap.sandbox.SandboxMain}.
 */
@NullMarked
package dev.caisson.trap.sandbox;

import org.jspecify.annotations.NullMarked;
