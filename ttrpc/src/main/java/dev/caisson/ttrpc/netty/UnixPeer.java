package dev.caisson.ttrpc.netty;

import dev.caisson.ttrpc.ConnectionInfo;

/**
 * Who connected, as the kernel recorded it at connect(2) (SO_PEERCRED, unix(7)), in this process's namespaces.
 *
 * @param pid process id; 0 if not visible here
 * @param uid effective user id
 * @param gid effective group id
 */
public record UnixPeer(int pid, int uid, int gid) implements ConnectionInfo {}
