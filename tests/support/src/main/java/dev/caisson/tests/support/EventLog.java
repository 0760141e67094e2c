package dev.caisson.tests.support;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Timestamp;
import dev.caisson.tests.api.events.PublishRequest;
import dev.caisson.tests.api.events.SubscribeRequest;
import dev.caisson.tests.api.taskevents.TaskCreate;
import dev.caisson.tests.api.taskevents.TaskDelete;
import dev.caisson.tests.api.taskevents.TaskExecAdded;
import dev.caisson.tests.api.taskevents.TaskExecStarted;
import dev.caisson.tests.api.taskevents.TaskExit;
import dev.caisson.tests.api.taskevents.TaskOOM;
import dev.caisson.tests.api.taskevents.TaskPaused;
import dev.caisson.tests.api.taskevents.TaskResumed;
import dev.caisson.tests.api.taskevents.TaskStart;
import dev.caisson.tests.api.types.Envelope;
import io.grpc.Context;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Predicate;

/** A subscription to containerd's task events, from its opening on. */
public final class EventLog implements AutoCloseable {
    private static final String OPENED = "/caisson/log-is-open";

    private final List<TaskEvent> events = new ArrayList<>();
    private final CountDownLatch opened = new CountDownLatch(1);
    private final AtomicReference<Throwable> end = new AtomicReference<>();
    private final Context.CancellableContext context = Context.current().withCancellation();

    /**
     * One event.
     *
     * @param topic for example {@code /tasks/exit}
     * @param namespace containerd namespace in the envelope
     * @param container container id
     * @param id exec id, for exit and delete also the container's own id
     * @param pid 0 where the event has none
     * @param status exit status, -1 where the event has none
     * @param at time in the envelope
     */
    public record TaskEvent(
            String topic, String namespace, String container, String id, long pid, int status, Instant at) {
        /** The last part of the topic and, for an exec, its id: {@code exec-started x1}. */
        public String brief() {
            String verb = topic.substring(topic.lastIndexOf('/') + 1);
            return id.isEmpty() || id.equals(container) ? verb : verb + " " + id;
        }
    }

    public EventLog(ContainerdClient client) {
        Runnable subscribe = () -> client.events()
                .subscribe(
                        SubscribeRequest.newBuilder()
                                .addFilters("topic~=^/tasks/")
                                .addFilters("topic==\"" + OPENED + "\"")
                                .build(),
                        new StreamObserver<>() {
                            @Override
                            public void onNext(Envelope envelope) {
                                if (envelope.getTopic().equals(OPENED)) {
                                    opened.countDown();
                                    return;
                                }
                                TaskEvent event = decode(envelope);
                                synchronized (events) {
                                    events.add(event);
                                }
                            }

                            @Override
                            public void onError(Throwable ended) {
                                // containerd went away or this log was closed; what came before is kept.
                                end.set(ended);
                            }

                            @Override
                            public void onCompleted() {
                                // As above.
                            }
                        });
        context.run(subscribe);
        // Subscribe has no answer before the first event: one of our own tells that no task's is missed from now on.
        PublishRequest event = PublishRequest.newBuilder()
                .setTopic(OPENED)
                .setEvent(Any.newBuilder().setTypeUrl("google.protobuf.Empty"))
                .build();
        Await.until(() -> "a subscription to events; " + end.get(), Duration.ofSeconds(20), () -> {
            client.publish(event);
            return opened.getCount() == 0;
        });
    }

    /** Everything about one container so far, in order of arrival. */
    public List<TaskEvent> of(String container) {
        synchronized (events) {
            return events.stream().filter(e -> e.container().equals(container)).toList();
        }
    }

    /** {@link TaskEvent#brief} of everything about one container. */
    public List<String> briefs(String container) {
        return of(container).stream().map(TaskEvent::brief).toList();
    }

    /** Waits for the first event of a container that fits. */
    public TaskEvent await(String container, Duration limit, Predicate<TaskEvent> fits) {
        Await.until(
                () -> "event of " + container + "; so far " + of(container),
                limit,
                () -> of(container).stream().anyMatch(fits));
        return of(container).stream().filter(fits).findFirst().orElseThrow();
    }

    /** Waits for a topic's last word, for example {@code exit}. */
    public TaskEvent await(String container, String brief, Duration limit) {
        return await(container, limit, e -> e.brief().equals(brief));
    }

    @Override
    public void close() {
        context.close();
    }

    private static TaskEvent decode(Envelope envelope) {
        Any any = envelope.getEvent();
        String type = any.getTypeUrl().substring(any.getTypeUrl().lastIndexOf('/') + 1);
        String topic = envelope.getTopic();
        String namespace = envelope.getNamespace();
        Timestamp t = envelope.getTimestamp();
        Instant at = Instant.ofEpochSecond(t.getSeconds(), t.getNanos());
        try {
            return switch (type) {
                case "containerd.events.TaskCreate" -> {
                    TaskCreate e = TaskCreate.parseFrom(any.getValue());
                    yield new TaskEvent(topic, namespace, e.getContainerId(), "", e.getPid(), -1, at);
                }
                case "containerd.events.TaskStart" -> {
                    TaskStart e = TaskStart.parseFrom(any.getValue());
                    yield new TaskEvent(topic, namespace, e.getContainerId(), "", e.getPid(), -1, at);
                }
                case "containerd.events.TaskExit" -> {
                    TaskExit e = TaskExit.parseFrom(any.getValue());
                    yield new TaskEvent(
                            topic, namespace, e.getContainerId(), e.getId(), e.getPid(), e.getExitStatus(), at);
                }
                case "containerd.events.TaskDelete" -> {
                    TaskDelete e = TaskDelete.parseFrom(any.getValue());
                    yield new TaskEvent(
                            topic, namespace, e.getContainerId(), e.getId(), e.getPid(), e.getExitStatus(), at);
                }
                case "containerd.events.TaskExecAdded" -> {
                    TaskExecAdded e = TaskExecAdded.parseFrom(any.getValue());
                    yield new TaskEvent(topic, namespace, e.getContainerId(), e.getExecId(), 0, -1, at);
                }
                case "containerd.events.TaskExecStarted" -> {
                    TaskExecStarted e = TaskExecStarted.parseFrom(any.getValue());
                    yield new TaskEvent(topic, namespace, e.getContainerId(), e.getExecId(), e.getPid(), -1, at);
                }
                case "containerd.events.TaskOOM" ->
                    new TaskEvent(
                            topic, namespace, TaskOOM.parseFrom(any.getValue()).getContainerId(), "", 0, -1, at);
                case "containerd.events.TaskPaused" ->
                    new TaskEvent(
                            topic,
                            namespace,
                            TaskPaused.parseFrom(any.getValue()).getContainerId(),
                            "",
                            0,
                            -1,
                            at);
                case "containerd.events.TaskResumed" ->
                    new TaskEvent(
                            topic,
                            namespace,
                            TaskResumed.parseFrom(any.getValue()).getContainerId(),
                            "",
                            0,
                            -1,
                            at);
                default -> throw new AssertionError("unknown event type " + any.getTypeUrl() + " on " + topic);
            };
        } catch (InvalidProtocolBufferException e) {
            throw new AssertionError("undecodable event on " + topic, e);
        }
    }
}
