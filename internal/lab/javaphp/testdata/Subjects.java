import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.Base64;
import java.util.StringJoiner;

/** Reads a certificate in base64 in each line, and writes what CardHolder reads: seven fields in base64 with commas between, "-" for none. */
public final class Subjects {
    public static void main(String[] arguments) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.US_ASCII);
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            byte[] der = Base64.getDecoder().decode(line);
            X509Certificate certificate = (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(der));
            CardHolder holder = new CardHolder(certificate);
            StringJoiner fields = new StringJoiner(",");
            for (String field : new String[] {holder.identifier, holder.surname, holder.givenName, holder.profession, holder.structure, holder.structureId, holder.pseudonym}) {
                fields.add(field == null ? "-" : Base64.getEncoder().encodeToString(field.getBytes(StandardCharsets.UTF_8)));
            }
            out.println(fields);
        }
    }
}
