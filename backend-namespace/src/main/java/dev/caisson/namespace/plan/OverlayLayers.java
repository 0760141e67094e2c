package dev.caisson.namespace.plan;

import org.jspecify.annotations.Nullable;

/**
 * Overlay options made to fit: mount(2) takes one page of them, which the layers of a large image exceed by their common beginning
 * alone. Where that helps, lower directories are named relative to the directory that they share, from which the mount is then made.
 *
 * @param data options, at most {@link #LIMIT} bytes if that can be reached
 * @param directory where to make the mount from; null for anywhere
 */
record OverlayLayers(String data, @Nullable String directory) {
    /** A page without the NUL. */
    static final int LIMIT = 4095;

    private static final String LOWER = "lowerdir=";

    static OverlayLayers compact(String data) {
        if (data.length() <= LIMIT) {
            return new OverlayLayers(data, null);
        }
        StringBuilder out = new StringBuilder();
        String directory = null;
        for (String option : data.split(",", -1)) {
            String shorter = option;
            // A backslash quotes a colon: then the text cannot be cut at colons.
            if (option.startsWith(LOWER) && option.indexOf('\\') < 0) {
                String[] layers = option.substring(LOWER.length()).split(":", -1);
                directory = commonDirectory(layers);
                if (directory != null) {
                    shorter = LOWER + relative(layers, directory.length() + 1);
                }
            }
            out.append(out.isEmpty() ? "" : ",").append(shorter);
        }
        return new OverlayLayers(out.toString(), directory);
    }

    /** The longest directory that is a proper ancestor of all, or null. */
    private static @Nullable String commonDirectory(String[] paths) {
        String common = paths[0];
        for (String path : paths) {
            int n = 0;
            while (n < common.length() && n < path.length() && common.charAt(n) == path.charAt(n)) {
                n++;
            }
            common = common.substring(0, n);
        }
        int slash = common.lastIndexOf('/');
        return slash > 0 && common.startsWith("/") ? common.substring(0, slash) : null;
    }

    private static String relative(String[] paths, int from) {
        StringBuilder out = new StringBuilder();
        for (String path : paths) {
            out.append(out.isEmpty() ? "" : ":").append(path, from, path.length());
        }
        return out.toString();
    }
}
