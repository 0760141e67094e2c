package dev.caisson.ttrpc;

/**
 * What the owner of a connection wants its handlers to know of it: which pod's monitor it came through, a peer's
 * credentials. Implement it with a record; handlers get it back by type from {@link RequestContext#connection(Class)}.
 */
public interface ConnectionInfo {
    /** Nothing is known. */
    ConnectionInfo NONE = new ConnectionInfo() {
        @Override
        public String toString() {
            return "unnamed connection";
        }
    };
}
