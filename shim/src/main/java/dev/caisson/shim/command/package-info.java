/** What the shim binary is asked: start, delete, -info. Start reading at {@link dev.caisson.shim.command.ShimCommand}. */
@NullMarked
package dev.caisson.shim.command;

import org.jspecify.annotations.NullMarked;
