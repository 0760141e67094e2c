/**
 * The OCI command line: runc's verbs and flags over the backends. Every container is a directory of files below the caller's root; nothing
 * is kept in memory between two commands, and what a container is doing is always derived from its process. Start reading at
 * {@link dev.caisson.cli.OciCommandLine}.
 */
@NullMarked
package dev.caisson.cli;

import org.jspecify.annotations.NullMarked;
