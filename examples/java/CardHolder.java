import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.security.cert.X509Certificate;
import java.util.HashMap;
import java.util.Map;

/** Whom the certificate of a validated token names. What it does not state is null. */
public final class CardHolder {
    public final String identifier; // the whole CN: with the CA group it is the key of an account
    public final String surname, givenName, profession;
    public final String structure, structureId;
    public final String pseudonym; // of a card that names nobody

    public CardHolder(X509Certificate certificate) throws CharacterCodingException {
        Map<Integer, String> subject = new HashMap<>(); // by the last number of 2.5.4.x
        ByteBuffer rdns = next(ByteBuffer.wrap(certificate.getSubjectX500Principal().getEncoded()));
        while (rdns.hasRemaining()) {
            ByteBuffer rdn = next(rdns);
            while (rdn.hasRemaining()) { // all attributes: a person's RDN has three
                ByteBuffer attribute = next(rdn), oid = next(attribute);
                Charset charset = charset(attribute.get(attribute.position()));
                if (charset != null && oid.remaining() == 3 && oid.get(0) == 0x55 && oid.get(1) == 0x04) {
                    subject.putIfAbsent((int) oid.get(2), charset.newDecoder().decode(next(attribute)).toString());
                }
            }
        }
        identifier = subject.get(3);
        surname = subject.get(4);
        givenName = subject.get(42);
        profession = subject.get(12);
        structure = subject.get(10);
        structureId = subject.get(11);
        pseudonym = subject.get(65);
    }

    /** Takes the content of the next element of DER out of what contains it. */
    private static ByteBuffer next(ByteBuffer in) {
        in.get(); // the tag
        int length = in.get() & 0xff;
        if (length > 0x80) { // that many bytes have the length
            int bytes = length & 0x7f;
            for (length = 0; bytes > 0; bytes--) {
                length = length << 8 | in.get() & 0xff;
            }
        }
        ByteBuffer content = in.slice().limit(length);
        in.position(in.position() + length);
        return content;
    }

    private static Charset charset(byte tag) {
        switch (tag) {
            case 0x0c: return StandardCharsets.UTF_8;
            case 0x12: case 0x13: case 0x16: return StandardCharsets.US_ASCII;
            case 0x14: return StandardCharsets.ISO_8859_1;
            case 0x1e: return StandardCharsets.UTF_16BE;
            default: return null; // no text
        }
    }
}
