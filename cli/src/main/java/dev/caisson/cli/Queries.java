package dev.caisson.cli;

import dev.caisson.backend.Backends;
import dev.caisson.backend.ContainerFault;
import dev.caisson.cli.grammar.Completion;
import dev.caisson.oci.ContainerState;
import dev.caisson.oci.StateJson;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** What only looks. */
final class Queries {
    private Queries() {}

    static void state(Request request) throws Failure, ContainerFault {
        String id = request.id();
        ContainerRecord record = request.containers().store().require(id);
        request.call().out(StateJson.write(request.containers().state(id, record, "")));
        request.done();
    }

    static void completion(Request request) throws Failure {
        String shell = request.args().words().getFirst();
        if (!Completion.SHELLS.contains(shell)) {
            throw new Failure("completion for " + shell + ": only for " + String.join(", ", Completion.SHELLS));
        }
        request.out(Completion.of(shell));
        request.done();
    }

    static void features(Request request) throws ContainerFault {
        request.out(request.containers()
                .backends()
                .named(Backends.byProgram(request.call().program()))
                .features());
        request.done();
    }

    static void ps(Request request) throws Failure, ContainerFault, IOException {
        String id = request.id();
        ContainerRecord record = request.containers().store().require(id);
        List<Integer> pids = request.containers()
                .open(id, record, new LateLauncher(request.call()))
                .pids();
        String format = request.args().value("format", "table");
        switch (format) {
            case "json" ->
                request.out(
                        pids.isEmpty()
                                ? "null"
                                : pids.stream().map(String::valueOf).collect(Collectors.joining(",", "[", "]")));
            case "table" -> request.out(ProcessTable.of(pids, request.args().words()));
            default -> throw new Failure("invalid format option");
        }
        request.done();
    }

    static void list(Request request) throws Failure, ContainerFault, IOException {
        ContainerStore store = request.containers().store();
        List<ContainerState> states = new ArrayList<>();
        for (String id : store.ids()) {
            ContainerRecord record = store.read(id);
            if (record != null) {
                states.add(request.containers().state(id, record, Integer.toString(record.owner())));
            }
        }
        if (request.args().is("quiet")) {
            StringBuilder ids = new StringBuilder();
            for (ContainerState state : states) {
                ids.append(state.id()).append('\n');
            }
            request.out(ids.toString());
        } else {
            switch (request.args().value("format", "table")) {
                case "table" -> request.out(ListTable.of(states));
                case "json" -> request.out(ListTable.json(states));
                default -> throw new Failure("invalid format option");
            }
        }
        request.done();
    }
}
