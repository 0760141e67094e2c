/** The life of a task as a pure table. Start reading at {@link dev.caisson.backend.lifecycle.TaskMachine}. */
@NullMarked
package dev.caisson.backend.lifecycle;

import org.jspecify.annotations.NullMarked;
