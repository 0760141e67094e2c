package dev.caisson.oci;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.List;

/** A JSON array of strings, such as {@code descriptors.json} of a checkpoint. Stateless; any thread. */
public final class TextListJson {
    private TextListJson() {}

    public static String write(List<String> texts) {
        StringWriter out = new StringWriter();
        try (JsonGenerator gen = ReadLimits.DEFAULT.newFactory().createGenerator(out)) {
            gen.writeStartArray();
            for (String text : texts) {
                gen.writeString(text);
            }
            gen.writeEndArray();
        } catch (IOException e) {
            throw new IllegalStateException("writing to memory cannot fail", e);
        }
        return out.toString();
    }

    /**
     * @param document what is read, for messages
     * @param most how many strings there may be
     * @throws InvalidSpecException it is not such an array
     */
    public static List<String> read(byte[] json, String document, int most) throws InvalidSpecException {
        List<String> texts = new ArrayList<>();
        try (JsonParser parser = ReadLimits.DEFAULT.newFactory().createParser(json)) {
            if (parser.nextToken() != JsonToken.START_ARRAY) {
                throw new InvalidSpecException(document, "", "must be an array");
            }
            while (parser.nextToken() == JsonToken.VALUE_STRING && texts.size() < most) {
                texts.add(parser.getText());
            }
            if (parser.currentToken() != JsonToken.END_ARRAY || parser.nextToken() != null) {
                throw new InvalidSpecException(document, "", "is not one array of at most " + most + " strings");
            }
            return texts;
        } catch (InvalidSpecException e) {
            throw e;
        } catch (IOException e) {
            throw new InvalidSpecException(document, "", "malformed JSON");
        }
    }
}
