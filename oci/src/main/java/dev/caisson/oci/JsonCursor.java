package dev.caisson.oci;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonStreamContext;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.exc.StreamConstraintsException;
import com.fasterxml.jackson.core.io.JsonEOFException;
import java.io.IOException;
import java.io.InputStream;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A strict walk over one JSON document. It yields typed values and turns every disagreement into an {@link InvalidSpecException} that
 * names the path. A property whose value is {@code null} counts as absent, as in Go; {@code null} in an array is an error.
 *
 * <p>Usage: {@code beginObject(); while (nextField()) switch (field()) {...}} with {@link #skip()} for what is unknown. Between two calls
 * of {@code nextField} or {@code nextElement} exactly one value must be consumed.
 */
final class JsonCursor {
    private static final JsonFactory DEFAULT_FACTORY = ReadLimits.DEFAULT.newFactory();

    private final JsonParser parser;
    private final String document;
    private final ReadLimits limits;
    private int elements;
    private String field = "";

    private JsonCursor(JsonParser parser, String document, ReadLimits limits) {
        this.parser = parser;
        this.document = document;
        this.limits = limits;
    }

    /** Reads one whole section. */
    @FunctionalInterface
    interface Section<T> {
        T read(JsonCursor in) throws IOException;
    }

    /**
     * Reads a document that consists of one section.
     *
     * @throws InvalidSpecException the document is not what it has to be
     * @throws IOException the input failed
     */
    @SuppressWarnings(
            "ReferenceEquality") // a record's equals is made when it is first called, which takes 4 ms of a start
    static <T> T readDocument(InputStream input, String document, ReadLimits limits, Section<T> section)
            throws IOException {
        JsonFactory factory = limits == ReadLimits.DEFAULT ? DEFAULT_FACTORY : limits.newFactory();
        InputStream bounded = new BoundedInput(input, document, limits.maxBytes());
        try (JsonParser parser = factory.createParser(bounded)) {
            JsonCursor in = new JsonCursor(parser, document, limits);
            try {
                if (parser.nextToken() == null) {
                    throw in.fail("empty document");
                }
                T value = section.read(in);
                if (parser.nextToken() != null) {
                    throw in.fail("more text after the end of the document");
                }
                return value;
            } catch (JsonProcessingException e) {
                throw in.malformed(e);
            }
        }
    }

    /** Name of the property that {@link #nextField()} stopped at. */
    String field() {
        return field;
    }

    void beginObject() throws InvalidSpecException {
        if (parser.currentToken() != JsonToken.START_OBJECT) {
            throw wrongType("an object");
        }
    }

    /** Advances to the value of the next property that is not null; false at the end of the object. */
    boolean nextField() throws IOException {
        while (true) {
            JsonToken token = parser.nextToken();
            if (token != JsonToken.FIELD_NAME) {
                return false;
            }
            String name = parser.currentName();
            if (parser.nextToken() != JsonToken.VALUE_NULL) {
                field = name;
                return true;
            }
        }
    }

    void beginArray() throws InvalidSpecException {
        if (parser.currentToken() != JsonToken.START_ARRAY) {
            throw wrongType("an array");
        }
    }

    /** Advances to the next element; false at the end of the array. */
    boolean nextElement() throws IOException {
        JsonToken token = parser.nextToken();
        if (token == JsonToken.END_ARRAY) {
            return false;
        }
        if (token == JsonToken.VALUE_NULL) {
            throw fail("null is not a value here");
        }
        countElement();
        return true;
    }

    /** Counts an array element or map entry against the limit. */
    private void countElement() throws InvalidSpecException {
        if (++elements > limits.maxElements()) {
            throw fail("more than " + limits.maxElements() + " list elements in the document");
        }
    }

    /** Passes over a value of any shape. */
    void skip() throws IOException {
        parser.skipChildren();
    }

    String string() throws IOException {
        if (parser.currentToken() != JsonToken.VALUE_STRING) {
            throw wrongType("a string");
        }
        String s = parser.getText();
        check(s);
        return s;
    }

    /** A string of which the empty one counts as absent. */
    @Nullable
    String optionalString() throws IOException {
        String s = string();
        return s.isEmpty() ? null : s;
    }

    boolean bool() throws InvalidSpecException {
        return switch (parser.currentToken()) {
            case VALUE_TRUE -> true;
            case VALUE_FALSE -> false;
            default -> throw wrongType("a boolean");
        };
    }

    /** A signed integer in a range. */
    long integer(long min, long max) throws IOException {
        if (parser.currentToken() == JsonToken.VALUE_NUMBER_INT
                && parser.getNumberType() != JsonParser.NumberType.BIG_INTEGER) {
            long value = parser.getLongValue();
            if (value >= min && value <= max) {
                return value;
            }
            throw fail(value + " is not between " + min + " and " + max);
        }
        throw notInteger(Long.toString(min), Long.toString(max));
    }

    long int64() throws IOException {
        return integer(Long.MIN_VALUE, Long.MAX_VALUE);
    }

    long uint32() throws IOException {
        return integer(0, 0xffff_ffffL);
    }

    int uint16() throws IOException {
        return (int) integer(0, 0xffff);
    }

    int int32() throws IOException {
        return (int) integer(Integer.MIN_VALUE, Integer.MAX_VALUE);
    }

    /** An unsigned 64-bit integer as a bit pattern. */
    long uint64() throws IOException {
        if (parser.currentToken() == JsonToken.VALUE_NUMBER_INT) {
            if (parser.getNumberType() != JsonParser.NumberType.BIG_INTEGER) {
                long value = parser.getLongValue();
                if (value >= 0) {
                    return value;
                }
                throw fail(value + " is not between 0 and 18446744073709551615");
            }
            BigInteger value = parser.getBigIntegerValue();
            if (value.signum() >= 0 && value.bitLength() <= 64) {
                return value.longValue();
            }
        }
        throw notInteger("0", "18446744073709551615");
    }

    List<String> strings() throws IOException {
        beginArray();
        List<String> list = new ArrayList<>();
        while (nextElement()) {
            list.add(string());
        }
        return list;
    }

    Map<String, String> stringMap() throws IOException {
        beginObject();
        Map<String, String> map = new LinkedHashMap<>();
        while (nextField()) {
            map.put(key(), string());
        }
        return map;
    }

    /** The current property name as a key of a map that is kept. */
    String key() throws InvalidSpecException {
        countElement();
        check(field);
        return field;
    }

    /** The value, unless the object that just ended lacked it. */
    <T> T require(@Nullable T value, String name) throws InvalidSpecException {
        if (value == null) {
            StringBuilder path = path();
            Text.appendName(path, name);
            throw new InvalidSpecException(document, path.toString(), "missing");
        }
        return value;
    }

    /** The constant found for a spelling, unless there is none. */
    <T> T known(@Nullable T constant, String what, String spelling) throws InvalidSpecException {
        if (constant == null) {
            throw fail("unknown " + what + " " + Text.quote(spelling));
        }
        return constant;
    }

    InvalidSpecException fail(String problem) {
        return new InvalidSpecException(document, path().toString(), problem);
    }

    /** The kernel's strings end at the first NUL, and half a surrogate pair has no UTF-8 form: neither reaches it as written. */
    private void check(String s) throws InvalidSpecException {
        for (int i = 0; i < s.length(); i++) {
            char c = s.charAt(i);
            if (c == 0) {
                throw fail("contains a NUL character");
            }
            if (Character.isSurrogate(c)) {
                if (Character.isHighSurrogate(c) && i + 1 < s.length() && Character.isLowSurrogate(s.charAt(i + 1))) {
                    i++;
                } else {
                    throw fail("contains half of a surrogate pair");
                }
            }
        }
    }

    private InvalidSpecException notInteger(String min, String max) throws IOException {
        JsonToken token = parser.currentToken();
        if (token == JsonToken.VALUE_NUMBER_INT || token == JsonToken.VALUE_NUMBER_FLOAT) {
            return fail(Text.oneLine(parser.getText(), 64) + " is not an integer between " + min + " and " + max);
        }
        return wrongType("an integer");
    }

    private InvalidSpecException wrongType(String wanted) {
        String found = switch (parser.currentToken()) {
            case START_OBJECT -> "an object";
            case START_ARRAY -> "an array";
            case VALUE_STRING -> "a string";
            case VALUE_NUMBER_INT, VALUE_NUMBER_FLOAT -> "a number";
            case VALUE_TRUE, VALUE_FALSE -> "a boolean";
            case VALUE_NULL -> "null";
            default -> "something else";
        };
        return fail("must be " + wanted + ", not " + found);
    }

    private InvalidSpecException malformed(JsonProcessingException e) {
        if (e instanceof JsonEOFException) {
            return fail("the document ends too early" + location(e));
        }
        String message = e.getOriginalMessage();
        if (e instanceof StreamConstraintsException) {
            if (message.contains("nesting depth")) {
                return fail("nested deeper than " + limits.maxDepth() + " levels");
            }
            if (message.contains("String value length")) {
                return fail("string longer than " + limits.maxStringChars() + " characters");
            }
            if (message.contains("Name length")) {
                return fail("property name longer than " + ReadLimits.MAX_NAME_CHARS + " characters");
            }
            return fail(Text.oneLine(message, 120));
        }
        if (message.startsWith("Duplicate field")) {
            return fail("given twice");
        }
        return fail("malformed JSON" + location(e) + ": " + Text.oneLine(message, 160));
    }

    private static String location(JsonProcessingException e) {
        var at = e.getLocation();
        return at == null ? "" : " (line " + at.getLineNr() + ", column " + at.getColumnNr() + ")";
    }

    private StringBuilder path() {
        StringBuilder path = new StringBuilder();
        appendPath(path, parser.getParsingContext());
        return path;
    }

    private static void appendPath(StringBuilder path, JsonStreamContext context) {
        // Recursion is bounded by the nesting limit.
        JsonStreamContext parent = context.getParent();
        if (parent != null) {
            appendPath(path, parent);
        }
        if (context.inArray()) {
            if (context.hasCurrentIndex()) {
                path.append('[').append(context.getCurrentIndex()).append(']');
            }
        } else if (context.inObject()) {
            String name = context.getCurrentName();
            if (name != null) {
                Text.appendName(path, name);
            }
        }
    }
}
