/**
 * The daemon's main program: wires front doors and backends, and nothing else. Start reading at {@link dev.caisson.daemon.Main}.
 */
@NullMarked
package dev.caisson.daemon;

import org.jspecify.annotations.NullMarked;
