package dev.caisson.oci;

import java.io.IOException;

/**
 * A document that is not the JSON it has to be. The message is one sentence that names the document and the place in it, for example
 * {@code config.json: linux.namespaces[2].type: unknown namespace type "foo"}. Text taken from the document is shortened and escaped, so
 * that the message fits on one line whatever the document holds.
 */
public final class InvalidSpecException extends IOException {
    private static final long serialVersionUID = 1L;

    private final String document;
    private final String path;
    private final String problem;

    /**
     * @param document what was read, such as {@code config.json}
     * @param path JSON path inside it, empty for the document as a whole
     * @param problem what is wrong there: lower case, no full stop
     */
    public InvalidSpecException(String document, String path, String problem) {
        super(path.isEmpty() ? document + ": " + problem : document + ": " + path + ": " + problem);
        this.document = document;
        this.path = path;
        this.problem = problem;
    }

    /** What was read, such as {@code config.json}. */
    public String document() {
        return document;
    }

    /** JSON path of the fault, such as {@code linux.namespaces[2].type}; empty when the whole document is at fault. */
    public String path() {
        return path;
    }

    /** What is wrong at {@link #path()}. */
    public String problem() {
        return problem;
    }
}
