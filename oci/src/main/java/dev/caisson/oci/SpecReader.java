package dev.caisson.oci;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads a container's configuration.
 *
 * <p>Strict about everything it knows: types, ranges, spellings of enumerations, required properties, duplicate properties. Unknown
 * properties are passed over, as the spec demands. What is well-formed but wrong is left to {@link SpecValidator}. Stateless; any thread.
 */
public final class SpecReader {
    private static final String CONFIG = "config.json";

    private SpecReader() {}

    /**
     * Reads a configuration from memory.
     *
     * @throws InvalidSpecException it is not a configuration
     */
    public static Spec read(byte[] json) throws InvalidSpecException {
        return read(json, CONFIG, ReadLimits.DEFAULT);
    }

    /**
     * Reads a configuration from memory under given limits.
     *
     * @param document what errors call it
     * @throws InvalidSpecException it is not a configuration
     */
    public static Spec read(byte[] json, String document, ReadLimits limits) throws InvalidSpecException {
        return fromBytes(json, document, limits, SpecReader::spec);
    }

    static <T> T fromBytes(byte[] json, String document, ReadLimits limits, JsonCursor.Section<T> section)
            throws InvalidSpecException {
        try {
            return JsonCursor.readDocument(new ByteArrayInputStream(json), document, limits, section);
        } catch (InvalidSpecException e) {
            throw e;
        } catch (IOException e) {
            throw new AssertionError("reading from memory failed", e);
        }
    }

    private static Spec spec(JsonCursor in) throws IOException {
        Spec.Builder b = new Spec.Builder();
        String ociVersion = null;
        in.beginObject();
        while (in.nextField()) {
            switch (in.field()) {
                case "ociVersion" -> ociVersion = in.string();
                case "process" -> b.process = ProcessReader.process(in);
                case "root" -> b.root = root(in);
                case "hostname" -> b.hostname = in.optionalString();
                case "domainname" -> b.domainname = in.optionalString();
                case "mounts" -> b.mounts = mounts(in);
                case "hooks" -> b.hooks = hooks(in);
                case "annotations" -> b.annotations = in.stringMap();
                case "linux" -> b.linux = LinuxReader.linux(in);
                default -> in.skip();
            }
        }
        b.ociVersion = in.require(ociVersion, "ociVersion");
        return b.build();
    }

    private static Root root(JsonCursor in) throws IOException {
        String path = null;
        boolean readonly = false;
        in.beginObject();
        while (in.nextField()) {
            switch (in.field()) {
                case "path" -> path = in.optionalString();
                case "readonly" -> readonly = in.bool();
                default -> in.skip();
            }
        }
        return new Root(in.require(path, "path"), readonly);
    }

    private static List<Mount> mounts(JsonCursor in) throws IOException {
        List<Mount> list = new ArrayList<>();
        in.beginArray();
        while (in.nextElement()) {
            list.add(mount(in));
        }
        return list;
    }

    private static Mount mount(JsonCursor in) throws IOException {
        String destination = null;
        String source = null;
        String type = null;
        List<String> options = List.of();
        List<IdMapping> uidMappings = List.of();
        List<IdMapping> gidMappings = List.of();
        in.beginObject();
        while (in.nextField()) {
            switch (in.field()) {
                case "destination" -> destination = in.optionalString();
                case "source" -> source = in.optionalString();
                case "type" -> type = in.optionalString();
                case "options" -> options = in.strings();
                case "uidMappings" -> uidMappings = idMappings(in);
                case "gidMappings" -> gidMappings = idMappings(in);
                default -> in.skip();
            }
        }
        return new Mount(in.require(destination, "destination"), source, type, options, uidMappings, gidMappings);
    }

    static List<IdMapping> idMappings(JsonCursor in) throws IOException {
        List<IdMapping> list = new ArrayList<>();
        in.beginArray();
        while (in.nextElement()) {
            Long containerId = null;
            Long hostId = null;
            Long size = null;
            in.beginObject();
            while (in.nextField()) {
                switch (in.field()) {
                    case "containerID" -> containerId = in.uint32();
                    case "hostID" -> hostId = in.uint32();
                    case "size" -> size = in.uint32();
                    default -> in.skip();
                }
            }
            list.add(new IdMapping(
                    in.require(containerId, "containerID"), in.require(hostId, "hostID"), in.require(size, "size")));
        }
        return list;
    }

    private static Hooks hooks(JsonCursor in) throws IOException {
        Map<String, List<Hook>> lists = new LinkedHashMap<>();
        in.beginObject();
        while (in.nextField()) {
            switch (in.field()) {
                case "prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop" -> {
                    String point = in.field();
                    lists.put(point, hookList(in));
                }
                default -> in.skip();
            }
        }
        return new Hooks(
                lists.getOrDefault("prestart", List.of()),
                lists.getOrDefault("createRuntime", List.of()),
                lists.getOrDefault("createContainer", List.of()),
                lists.getOrDefault("startContainer", List.of()),
                lists.getOrDefault("poststart", List.of()),
                lists.getOrDefault("poststop", List.of()));
    }

    private static List<Hook> hookList(JsonCursor in) throws IOException {
        List<Hook> list = new ArrayList<>();
        in.beginArray();
        while (in.nextElement()) {
            String path = null;
            List<String> args = List.of();
            @Nullable List<String> env = null;
            Integer timeout = null;
            in.beginObject();
            while (in.nextField()) {
                switch (in.field()) {
                    case "path" -> path = in.optionalString();
                    case "args" -> args = in.strings();
                    case "env" -> env = in.strings();
                    case "timeout" -> timeout = in.int32();
                    default -> in.skip();
                }
            }
            list.add(new Hook(in.require(path, "path"), args, env, timeout));
        }
        return list;
    }
}
