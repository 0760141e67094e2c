package dev.caisson.cli;

import dev.caisson.backend.Container;
import dev.caisson.backend.ContainerFault;
import dev.caisson.cli.grammar.UsageException;
import dev.caisson.oci.ContainerStatus;
import dev.caisson.oci.InvalidSpecException;
import dev.caisson.oci.Linux;
import dev.caisson.oci.Mount;
import dev.caisson.oci.ResourceChange;
import dev.caisson.oci.Resources;
import dev.caisson.oci.ResourcesReader;
import dev.caisson.oci.Spec;
import dev.caisson.oci.SpecReader;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** What is changed of a container that is there: limits, mounts, devices. */
final class Changes {
    private static final int MOST_BYTES = 1 << 20;

    private final Request request;
    private final String id;
    private final ContainerRecord record;
    private final Containers containers;

    private Changes(Request request, String id) throws Failure {
        this.request = request;
        this.id = ContainerStore.requireId(id);
        this.containers = request.containers();
        this.record = containers.store().require(id);
    }

    static void update(Request request)
            throws UsageException, Failure, ContainerFault, InvalidSpecException, IOException {
        new Changes(request, request.id()).update();
    }

    private void update() throws UsageException, Failure, ContainerFault, InvalidSpecException, IOException {
        if (containers.status(id, record) == ContainerStatus.STOPPED) {
            throw new Failure("cannot update a container that has stopped");
        }
        String file = request.args().value("resources");
        Resources resources =
                file == null ? UpdateFlags.of(request.args()) : withoutDevices(ResourcesReader.read(read(file)));
        Spec spec = containers.spec(id);
        Resources before = spec.linux().resources() == null
                ? Resources.NONE
                : java.util.Objects.requireNonNull(spec.linux().resources());
        Linux.IntelRdt rdt = UpdateFlags.intelRdt(request.args(), spec.linux().intelRdt());
        Container container = containers.open(id, record, spec, new LateLauncher(request.call()));
        try {
            container.update(resources);
            if (rdt != null) {
                container.updateIntelRdt(rdt);
            }
        } catch (ContainerFault e) {
            try {
                container.update(withoutDevices(before)); // as runc: what was changed before the failure is taken back
            } catch (ContainerFault undo) {
                e.addSuppressed(undo);
            }
            throw e;
        }
        Linux.Builder linux = spec.linux().toBuilder();
        linux.resources = ResourceChange.applied(before, resources);
        if (rdt != null) {
            linux.intelRdt = UpdateFlags.applied(spec.linux().intelRdt(), rdt);
        }
        Spec.Builder changed = spec.toBuilder();
        changed.linux = linux.build();
        containers.store(id, changed.build());
        store(container);
        request.done();
    }

    /** runc never changes devices here, and its callers send the configuration's list along. */
    private static Resources withoutDevices(Resources resources) {
        Resources.Builder b = resources.toBuilder();
        b.devices = List.of();
        return b.build();
    }

    /** A file of the caller's, or with a dash its standard input. */
    private byte[] read(String file) throws Failure, IOException {
        Path path = file.equals("-")
                ? Path.of("/proc/" + request.call().pid() + "/fd/0")
                : request.files().here(file);
        try (InputStream in = Files.newInputStream(path)) {
            byte[] bytes = in.readNBytes(MOST_BYTES + 1);
            if (bytes.length > MOST_BYTES) {
                throw new Failure(file + ": larger than " + MOST_BYTES + " bytes");
            }
            return bytes;
        }
    }

    private void store(Container container) throws IOException {
        if (!container.record().equals(record.backendRecord())) {
            containers.store().write(id, record.withBackendRecord(container.record()));
        }
    }

    private enum What {
        MOUNTS,
        DEVICES
    }

    static void mounts(Request request) throws Failure, ContainerFault, InvalidSpecException, IOException {
        new Changes(request, request.args().words().get(1)).change(What.MOUNTS);
    }

    static void devices(Request request) throws Failure, ContainerFault, InvalidSpecException, IOException {
        new Changes(request, request.args().words().get(1)).change(What.DEVICES);
    }

    private void change(What what) throws Failure, ContainerFault, InvalidSpecException, IOException {
        boolean add = switch (request.args().words().getFirst()) {
            case "add" -> true;
            case "remove" -> false;
            default ->
                throw new Failure(
                        "neither add nor remove: " + request.args().words().getFirst());
        };
        ContainerStatus status = containers.status(id, record);
        if (status != ContainerStatus.RUNNING && status != ContainerStatus.CREATED) {
            throw new Failure("container not running");
        }
        Spec wanted = fragment(what, read(request.args().words().get(2)));
        Container container = containers.open(id, record, new LateLauncher(request.call()));
        FifoLaunch init = containers.init(id, record);
        try {
            for (Mount mount : wanted.mounts()) {
                if (add) {
                    container.addMount(init, mount);
                } else {
                    container.removeMount(init, mount.destination());
                }
            }
            for (Linux.Device device : wanted.linux().devices()) {
                if (add) {
                    container.addDevice(init, device, "rwm");
                } else {
                    container.removeDevice(init, device);
                }
            }
        } finally {
            store(container);
        }
        request.done();
    }

    /** A list as it stands in a configuration, or a configuration with that list. */
    private static Spec fragment(What what, byte[] json) throws InvalidSpecException {
        String text = new String(json, StandardCharsets.UTF_8).strip();
        if (text.startsWith("[")) {
            String list = what == What.MOUNTS ? "\"mounts\":" + text : "\"linux\":{\"devices\":" + text + "}";
            text = "{\"ociVersion\":\"" + Spec.VERSION + "\"," + list + "}";
        }
        return SpecReader.read(text.getBytes(StandardCharsets.UTF_8));
    }
}
