package dev.caisson.cli;

/** A JSON document on one line, written from left to right. */
final class JsonLine {
    private final StringBuilder out = new StringBuilder();
    private boolean isFirst = true;

    /** Writes the members of an object or the elements of an array. */
    interface Body {
        void write();
    }

    private JsonLine item(String name) {
        if (!isFirst) {
            out.append(',');
        }
        isFirst = false;
        if (!name.isEmpty()) {
            out.append(ErrorReport.quoted(name)).append(':');
        }
        return this;
    }

    private void nested(char open, char close, Body body) {
        out.append(open);
        isFirst = true;
        body.write();
        out.append(close);
        isFirst = false;
    }

    /** An object as the member {@code name}, or as an element or the document where that is empty. */
    void object(String name, Body body) {
        item(name).nested('{', '}', body);
    }

    void array(String name, Body body) {
        item(name).nested('[', ']', body);
    }

    void text(String name, String value) {
        item(name).out.append(ErrorReport.quoted(value));
    }

    void number(String name, long value) {
        item(name).out.append(value);
    }

    /** Up to 2^64-1. */
    void unsigned(String name, long value) {
        item(name).out.append(Long.toUnsignedString(value));
    }

    void decimal(String name, double value) {
        item(name).out.append(value == Math.rint(value) ? Long.toString((long) value) : Double.toString(value));
    }

    @Override
    public String toString() {
        return out.toString();
    }
}
