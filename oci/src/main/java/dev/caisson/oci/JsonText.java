package dev.caisson.oci;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.core.util.Separators;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Writes JSON that looks like Go's {@code json.MarshalIndent}: callers compare and merge such text. Absent values are left out. */
final class JsonText {
    private static final JsonFactory FACTORY = new JsonFactory();

    private final JsonGenerator gen;

    private JsonText(JsonGenerator gen) {
        this.gen = gen;
    }

    /** Writes the content of one value. */
    @FunctionalInterface
    interface Body {
        void write(JsonText out) throws IOException;
    }

    /**
     * One object as UTF-8, without a newline at the end.
     *
     * @param indent text per level, or null for everything on one line
     */
    static byte[] object(@Nullable String indent, Body body) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(4096);
        try (JsonGenerator gen = FACTORY.createGenerator(bytes)) {
            if (indent != null) {
                DefaultIndenter indenter = new DefaultIndenter(indent, "\n");
                DefaultPrettyPrinter printer = new DefaultPrettyPrinter(Separators.createDefaultInstance()
                        .withRootSeparator("")
                        .withObjectFieldValueSpacing(Separators.Spacing.AFTER)
                        .withObjectEmptySeparator("")
                        .withArrayEmptySeparator(""));
                printer.indentObjectsWith(indenter);
                printer.indentArraysWith(indenter);
                gen.setPrettyPrinter(printer);
            }
            gen.writeStartObject();
            body.write(new JsonText(gen));
            gen.writeEndObject();
        } catch (IOException e) {
            throw new AssertionError("writing to memory failed", e);
        }
        return bytes.toByteArray();
    }

    void beginObject(String name) throws IOException {
        gen.writeObjectFieldStart(name);
    }

    void beginObject() throws IOException {
        gen.writeStartObject();
    }

    void endObject() throws IOException {
        gen.writeEndObject();
    }

    void beginArray(String name) throws IOException {
        gen.writeArrayFieldStart(name);
    }

    void endArray() throws IOException {
        gen.writeEndArray();
    }

    void text(String name, @Nullable String value) throws IOException {
        if (value != null) {
            gen.writeStringField(name, value);
        }
    }

    void bool(String name, boolean value) throws IOException {
        gen.writeBooleanField(name, value);
    }

    void flag(String name, @Nullable Boolean value) throws IOException {
        if (value != null) {
            gen.writeBooleanField(name, value);
        }
    }

    void number(String name, long value) throws IOException {
        gen.writeNumberField(name, value);
    }

    void number(String name, @Nullable Long value) throws IOException {
        if (value != null) {
            gen.writeNumberField(name, value);
        }
    }

    void number(String name, @Nullable Integer value) throws IOException {
        if (value != null) {
            gen.writeNumberField(name, value);
        }
    }

    /** An unsigned 64-bit pattern. */
    void unsigned(String name, @Nullable Long value) throws IOException {
        if (value != null) {
            gen.writeFieldName(name);
            if (value >= 0) {
                gen.writeNumber(value);
            } else {
                gen.writeNumber(Long.toUnsignedString(value));
            }
        }
    }

    void element(String value) throws IOException {
        gen.writeString(value);
    }

    void element(long value) throws IOException {
        gen.writeNumber(value);
    }

    /** A list of strings, left out when empty. */
    void texts(String name, List<String> values) throws IOException {
        if (!values.isEmpty()) {
            allTexts(name, values);
        }
    }

    /** A list of strings, written even when empty; left out when null. */
    void allTexts(String name, @Nullable List<String> values) throws IOException {
        if (values != null) {
            gen.writeArrayFieldStart(name);
            for (String value : values) {
                gen.writeString(value);
            }
            gen.writeEndArray();
        }
    }

    /** A map of strings, left out when empty. */
    void textMap(String name, Map<String, String> map) throws IOException {
        if (!map.isEmpty()) {
            gen.writeObjectFieldStart(name);
            for (Map.Entry<String, String> e : map.entrySet()) {
                gen.writeStringField(e.getKey(), e.getValue());
            }
            gen.writeEndObject();
        }
    }
}
