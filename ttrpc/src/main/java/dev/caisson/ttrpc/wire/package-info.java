/** Frames of the ttrpc protocol and their byte form (containerd/ttrpc PROTOCOL.md). */
@NullMarked
package dev.caisson.ttrpc.wire;

import org.jspecify.annotations.NullMarked;
