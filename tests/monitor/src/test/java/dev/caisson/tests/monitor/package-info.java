/**
 * Tests of the monitor binary from outside: fake containerds on one side, a fake daemon on the other, and an implementation of
 * the link's frames that shares nothing with the daemon's. Every process runs a build with sanitizers; see {@link
 * dev.caisson.tests.monitor.Rig}.
 */
@NullMarked
package dev.caisson.tests.monitor;

import org.jspecify.annotations.NullMarked;
