package dev.caisson.shim.translate;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.Stdio;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * containerd's stdio fields: bare paths, {@code fifo://}, {@code file://} and {@code binary://} URIs.
 *
 * @param logger the program that reads the output, null for none
 */
public record StdioUris(Stdio stdio, @Nullable Logger logger) {
    /**
     * A logger program.
     *
     * @param args name and value of each query parameter in turn
     * @param needsByte whether readiness is a byte on its descriptor 5 (binary-v2) or that one's end of file
     */
    public record Logger(String path, List<String> args, boolean needsByte) {
        public Logger {
            args = List.copyOf(args);
        }
    }

    public static StdioUris parse(String stdin, String stdout, String stderr, boolean terminal) throws ContainerFault {
        Stdio.Stream in = stdin.isEmpty() ? Stdio.Stream.NONE : new Stdio.Stream(Stdio.Kind.PATH, path(stdin, "fifo"));
        String scheme = scheme(stdout);
        if (scheme.equals("binary") || scheme.equals("binary-v2")) {
            Stdio.Stream pipe = new Stdio.Stream(Stdio.Kind.PIPE, "");
            return new StdioUris(new Stdio(in, pipe, pipe, terminal), logger(stdout, scheme.equals("binary-v2")));
        }
        Stdio.Stream out = output(stdout);
        Stdio.Stream err;
        if (terminal || stderr.isEmpty()) {
            err = Stdio.Stream.NONE;
        } else if (stderr.equals(stdout)) {
            err = new Stdio.Stream(Stdio.Kind.SAME, "");
        } else {
            err = output(stderr);
        }
        if (scheme.equals("file") && !terminal) {
            err = new Stdio.Stream(Stdio.Kind.SAME, "");
        }
        return new StdioUris(new Stdio(in, out, err, terminal), null);
    }

    private static Stdio.Stream output(String uri) throws ContainerFault {
        if (uri.isEmpty()) {
            return Stdio.Stream.NONE;
        }
        return switch (scheme(uri)) {
            case "", "fifo" -> new Stdio.Stream(Stdio.Kind.PATH, path(uri, "fifo"));
            case "file" -> new Stdio.Stream(Stdio.Kind.CREATE, path(uri, "file"));
            default -> throw new ContainerFault(Kind.UNSUPPORTED, "stdio uri " + uri + ": unknown scheme");
        };
    }

    private static String scheme(String uri) {
        int at = uri.indexOf("://");
        return at < 0 ? "" : uri.substring(0, at);
    }

    private static String path(String uri, String scheme) throws ContainerFault {
        String path = uri.startsWith(scheme + "://") ? uri.substring(scheme.length() + 3) : uri;
        int query = path.indexOf('?');
        if (!path.startsWith("/") || path.indexOf('\0') >= 0) {
            throw new ContainerFault(Kind.INVALID, "stdio path " + uri.replace('\0', '?') + " is not absolute");
        }
        return query >= 0 && !path.equals(uri) ? path.substring(0, query) : path;
    }

    private static Logger logger(String uri, boolean needsByte) throws ContainerFault {
        try {
            URI parsed = new URI(uri);
            List<String> args = new ArrayList<>();
            String query = parsed.getQuery();
            if (query != null && !query.isEmpty()) {
                int start = 0;
                while (start <= query.length()) {
                    int end = query.indexOf('&', start);
                    String pair = query.substring(start, end < 0 ? query.length() : end);
                    int eq = pair.indexOf('=');
                    args.add(eq < 0 ? pair : pair.substring(0, eq));
                    args.add(eq < 0 ? "" : pair.substring(eq + 1));
                    if (end < 0) {
                        break;
                    }
                    start = end + 1;
                }
            }
            String path = (parsed.getHost() == null ? "" : parsed.getHost()) + parsed.getPath();
            if (!path.startsWith("/")) {
                throw new ContainerFault(Kind.INVALID, "logger " + uri + " is not an absolute path");
            }
            return new Logger(path, args, needsByte);
        } catch (URISyntaxException e) {
            throw new ContainerFault(Kind.INVALID, "logger uri " + uri + ": " + e.getReason(), e);
        }
    }
}
