package dev.caisson.oci;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;

/** One JSON object whose values have no parts, as texts: options that callers send beside a configuration. */
public final class FlatJson {
    private FlatJson() {}

    /**
     * @param document what is read, for messages
     * @throws InvalidSpecException it is not such an object
     */
    public static Map<String, String> read(byte[] json, String document) throws InvalidSpecException {
        Map<String, String> values = new LinkedHashMap<>();
        try (JsonParser parser = ReadLimits.DEFAULT.newFactory().createParser(json)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                throw new InvalidSpecException(document, "", "must be an object");
            }
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String name = parser.currentName();
                JsonToken value = parser.nextToken();
                if (value == null || !value.isScalarValue()) {
                    throw new InvalidSpecException(
                            document, Text.oneLine(name, 64), "must be a string, a number, true or false");
                }
                values.put(name, parser.getText());
            }
            if (parser.currentToken() != JsonToken.END_OBJECT || parser.nextToken() != null) {
                throw new InvalidSpecException(document, "", "is not one object");
            }
            return values;
        } catch (InvalidSpecException e) {
            throw e;
        } catch (IOException e) {
            throw new InvalidSpecException(document, "", "malformed JSON");
        }
    }
}
