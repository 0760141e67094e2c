/** The Task service. Start reading at {@link dev.caisson.shim.task.TaskService}. */
@NullMarked
package dev.caisson.shim.task;

import org.jspecify.annotations.NullMarked;
