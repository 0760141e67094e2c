/** What survives the daemon: small records in files. Written to a temporary file and renamed, so that a reader sees all or nothing; not synced, since nothing in them outlives a boot. */
@NullMarked
package dev.caisson.backend.state;

import org.jspecify.annotations.NullMarked;
