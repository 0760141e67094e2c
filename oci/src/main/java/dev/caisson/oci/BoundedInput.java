package dev.caisson.oci;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;

/**
 * A stream that refuses to be longer than allowed, or to be anything but UTF-8: JSON parsers recognise UTF-16 and UTF-32 by the zero
 * bytes or byte order mark among the first four bytes, and other readers of the same document would see something else.
 */
final class BoundedInput extends FilterInputStream {
    private final String document;
    private final int maxBytes;
    private long position;

    BoundedInput(InputStream in, String document, int maxBytes) {
        super(in);
        this.document = document;
        this.maxBytes = maxBytes;
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] b, int off, int len) throws IOException {
        int n = in.read(b, off, len);
        for (int i = 0; i < n && position + i < 4; i++) {
            int c = b[off + i] & 0xff;
            if (c == 0 || c >= 0xfe) {
                throw new InvalidSpecException(document, "", "not UTF-8 text");
            }
        }
        if (n > 0) {
            position += n;
            if (position > maxBytes) {
                throw new InvalidSpecException(document, "", "longer than " + maxBytes + " bytes");
            }
        }
        return n;
    }

    @Override
    public long skip(long n) throws IOException {
        throw new IOException("skip is not supported");
    }

    @Override
    public boolean markSupported() {
        return false;
    }
}
