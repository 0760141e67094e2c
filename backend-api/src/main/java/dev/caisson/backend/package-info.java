/**
 * The seam between front doors (shim, command line) and walls. Owns the vocabulary of both: {@link dev.caisson.backend.Backend},
 * {@link dev.caisson.backend.Container}, {@link dev.caisson.backend.Launcher}, faults. Knows neither containerd nor a kernel
 * mechanism. Start reading at {@link dev.caisson.backend.Backend}.
 */
@NullMarked
package dev.caisson.backend;

import org.jspecify.annotations.NullMarked;
