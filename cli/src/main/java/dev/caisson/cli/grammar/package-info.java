/** What can be said: verbs, flags, and how argument vectors are read. Pure; knows nothing of containers. */
@NullMarked
package dev.caisson.cli.grammar;

import org.jspecify.annotations.NullMarked;
