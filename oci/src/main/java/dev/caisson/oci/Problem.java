package dev.caisson.oci;

/**
 * One finding about a well-formed configuration.
 *
 * @param path JSON path, such as {@code mounts[3].destination}
 * @param message what is wrong there: lower case, no full stop
 */
public record Problem(String path, String message) {
    @Override
    public String toString() {
        return path.isEmpty() ? message : path + ": " + message;
    }
}
