package dev.caisson.backend.lifecycle;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;

/**
 * The next state for every state and event, as a pure function; {@code task-machine.tsv} in the tests is the reviewed table.
 * Semantics of runc's shim where containerd's contract leaves room.
 */
public final class TaskMachine {
    private TaskMachine() {}

    /**
     * The state after {@code event}.
     *
     * @param subject what the message calls the process
     * @throws ContainerFault when the event is not allowed in this state
     */
    public static TaskState next(TaskState state, TaskEvent event, String subject) throws ContainerFault {
        return switch (event) {
            case BUILT -> allow(state == TaskState.CREATING, TaskState.CREATED, state, event, subject);
            case BUILD_FAILED -> allow(state == TaskState.CREATING, TaskState.DELETED, state, event, subject);
            case START -> start(state, subject);
            case EXEC -> {
                if (state == TaskState.DELETED) {
                    throw notFound(subject);
                }
                if (state == TaskState.PAUSED) {
                    throw wrong("cannot exec in a paused container", subject);
                }
                if (state != TaskState.RUNNING) {
                    throw wrong("cannot exec in a stopped container", subject);
                }
                yield state;
            }
            case PAUSE -> allow(state == TaskState.RUNNING, TaskState.PAUSED, state, event, subject);
            case RESUME -> allow(state == TaskState.PAUSED, TaskState.RUNNING, state, event, subject);
            case KILL -> {
                if (state == TaskState.STOPPED || state == TaskState.DELETED) {
                    throw new ContainerFault(Kind.NOT_FOUND, "process already finished: " + subject);
                }
                yield state;
            }
            case UPDATE ->
                allow(
                        state == TaskState.CREATED || state == TaskState.RUNNING || state == TaskState.PAUSED,
                        state,
                        state,
                        event,
                        subject);
            // A process may end at any moment, also while it is being built; a second report changes nothing.
            case EXITED -> state == TaskState.DELETED ? TaskState.DELETED : TaskState.STOPPED;
            case DELETE -> delete(state, subject);
        };
    }

    private static TaskState start(TaskState state, String subject) throws ContainerFault {
        return switch (state) {
            case CREATED -> TaskState.RUNNING;
            case RUNNING, PAUSED -> throw wrong("cannot start an already running container", subject);
            case STOPPED -> throw wrong("cannot start a container that has stopped", subject);
            case CREATING -> throw wrong("cannot start a container that is being created", subject);
            case DELETED -> throw notFound(subject);
        };
    }

    private static TaskState delete(TaskState state, String subject) throws ContainerFault {
        return switch (state) {
            // containerd, runc and crun all let a created container be deleted.
            case CREATED, STOPPED -> TaskState.DELETED;
            case RUNNING, PAUSED, CREATING ->
                throw wrong("cannot delete container " + subject + " that is not stopped", word(state));
            case DELETED -> throw notFound(subject);
        };
    }

    private static TaskState allow(boolean allowed, TaskState next, TaskState state, TaskEvent event, String subject)
            throws ContainerFault {
        if (state == TaskState.DELETED) {
            throw notFound(subject);
        }
        if (!allowed) {
            throw wrong("cannot " + verb(event) + " a container that is " + word(state), subject);
        }
        return next;
    }

    private static String verb(TaskEvent event) {
        return switch (event) {
            case BUILT, BUILD_FAILED -> "finish building";
            case START -> "start";
            case EXEC -> "exec in";
            case PAUSE -> "pause";
            case RESUME -> "resume";
            case KILL -> "kill";
            case UPDATE -> "update";
            case EXITED -> "end";
            case DELETE -> "delete";
        };
    }

    private static String word(TaskState state) {
        return state.name().toLowerCase(java.util.Locale.ROOT);
    }

    private static ContainerFault wrong(String message, String subject) {
        return new ContainerFault(Kind.WRONG_STATE, message + ": " + subject);
    }

    private static ContainerFault notFound(String subject) {
        return new ContainerFault(Kind.NOT_FOUND, "container does not exist: " + subject);
    }
}
