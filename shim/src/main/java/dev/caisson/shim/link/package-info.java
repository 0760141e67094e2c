/**
 * The private link between the daemon and its monitors and commands ({@code monitor/src/wire.h}). Owns the socket, the frames and
 * the daemon's picture of each monitor's launches; decides nothing about containers. All callbacks come on the link's event
 * loop thread and must not block. Start reading at {@link dev.caisson.shim.link.MonitorLink}.
 */
@NullMarked
package dev.caisson.shim.link;

import org.jspecify.annotations.NullMarked;
