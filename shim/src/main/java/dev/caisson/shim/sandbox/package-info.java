/**
 * containerd's Sandbox API: a pod whose namespaces are held by a process of ours and not by a pause image. Start reading at {@link
 * dev.caisson.shim.sandbox.SandboxService}.
 */
@NullMarked
package dev.caisson.shim.sandbox;

import org.jspecify.annotations.NullMarked;
