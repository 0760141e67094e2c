package dev.caisson.namespace;

/** resctrl cannot give what a configuration asks for; the message begins with the place in the configuration. */
final class ResctrlException extends Exception {
    private static final long serialVersionUID = 1;

    ResctrlException(String message) {
        super(message);
    }
}
