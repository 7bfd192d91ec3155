// verify returns the certificate of whoever logs in, or throws. `body` is what the page posted,
// as a Buffer; `nonce` is the one that was made for this session, and deleted from it before.
// `site` has `origin`, `roots` and `intermediates` (X509Certificate) and `policy`, the one that
// cards must have, as the hex of its DER. Revocation is yours to check: see docs/token.md.
import { createHash, verify as verifySignature, constants, X509Certificate } from "node:crypto";

const signedBy = ["2a864886f70d01010b", "2a864886f70d01010c", "2a864886f70d01010d", "2a8648ce3d040302", "2a8648ce3d040303", "2a8648ce3d040304"]; // SHA-2 with RSA, ECDSA
const [keyUsage, basic, policies, constraints, eku] = ["551d0f", "551d13", "551d20", "551d1e", "551d25"], clientAuth = "1.3.6.1.5.5.7.3.2", anyPolicy = "551d2000";
const curves = { ES256: "prime256v1", ES384: "secp384r1", ES512: "secp521r1" };
const must = (right, what) => { if (!right) throw new Error(what); };

// der is the elements that follow each other in b.
function der(b) {
  const list = [];
  for (let i = 0; i < b.length;) {
    const long = b[i + 1] > 127 ? b[i + 1] & 127 : 0, head = i + 2 + long, size = long ? b.readUIntBE(i + 2, long) : b[i + 1];
    list.push({ tag: b[i], body: b.subarray(head, head + size) });
    i = head + size;
  }
  return list;
}

// extensions of a certificate by the hex of their identifiers; one that is critical and not read here is refused.
function extensions(cert) {
  const [tbs, algorithm] = der(der(cert.raw)[0].body), found = {};
  must(signedBy.includes(der(algorithm.body)[0].body.toString("hex")), "signature algorithm of the issuer");
  const all = der(tbs.body).find((e) => e.tag === 0xa3);
  for (const e of all ? der(der(all.body)[0].body) : []) {
    const [id, ...rest] = der(e.body), name = id.body.toString("hex");
    must(rest.length === 1 || [keyUsage, basic, policies, eku].includes(name), "critical extension " + name);
    found[name] = der(rest.at(-1).body)[0];
  }
  return found;
}
const policiesOf = (e) => (e[policies] ? der(e[policies].body).map((p) => der(p.body)[0].body.toString("hex")) : []);

function checkKey(key, algorithm) {
  const { modulusLength: n, publicExponent: e, namedCurve } = key.asymmetricKeyDetails, types = { E: "ec", R: "rsa", P: "rsa" };
  must(key.asymmetricKeyType === "rsa" ? n >= 2048 && n <= 8192 && e >= 65537n : Object.values(curves).includes(namedCurve), "key");
  must(!algorithm || types[algorithm[0]] === key.asymmetricKeyType && curves[algorithm] === namedCurve, "algorithm for another key");
}

// trusted reports whether a chain leads to a root; `below` counts the authorities under it.
function trusted(cert, site, now, below = 0) {
  if (now < new Date(cert.validFrom) || now > new Date(cert.validTo) || below > 4) return false;
  const above = (list) => list.filter((ca) => ca.ca && cert.checkIssued(ca) && cert.verify(ca.publicKey) && allows(ca, site, below));
  return above(site.roots).some((root) => now >= new Date(root.validFrom) && now <= new Date(root.validTo)) || above(site.intermediates).some((ca) => trusted(ca, site, now, below + 1));
}

function allows(ca, site, below) {
  const e = extensions(ca), length = der(e[basic].body)[1], stated = policiesOf(e);
  checkKey(ca.publicKey);
  return !e[constraints] && (!length || length.body[0] >= below) && (!ca.keyUsage || ca.keyUsage.includes(clientAuth)) && (site.roots.includes(ca) || !stated.length || stated.includes(site.policy) || stated.includes(anyPolicy));
}

export function verify(body, nonce, site, now = new Date()) {
  must(/^[!-~]{44,128}$/.test(nonce), "nonce");
  must(/^https:\/\/[a-z0-9.-]+(:\d+)?$/.test(site.origin) && new URL(site.origin).origin === site.origin, "origin of the site");
  must(body.length <= 10_015, "length");
  const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body), { "auth-token": token } = JSON.parse(text);
  const names = Array.from(text.matchAll(/("(?:[^"\\]|\\.)*")(\s*:)?/g)).filter((m) => m[2]).map((m) => JSON.parse(m[1]).toUpperCase());
  must(new Set(names).size === names.length, "a name twice");
  const { format, algorithm, appVersion = "", unverifiedCertificate, signature } = token;
  must([format, algorithm, appVersion, unverifiedCertificate, signature].every((v) => typeof v === "string") && format === "web-eid:1.0", "format");
  const [raw, sig] = [unverifiedCertificate, signature].map((s) => Buffer.from(s, "base64"));
  must(raw.toString("base64") === unverifiedCertificate && sig.toString("base64") === signature && raw.length <= 6000, "base64");
  const cert = new X509Certificate(raw), e = extensions(cert);
  must(cert.raw.equals(raw) && !e[basic]?.body.length, "certificate");
  must(e[keyUsage] && (e[keyUsage].body[1] & 0xc0) === 0x80 && cert.keyUsage?.includes(clientAuth), "usage");
  must(policiesOf(e).includes(site.policy), "policy");
  must(trusted(cert, site, now), "chain");
  must(/^(RS|PS|ES)(256|384|512)$/.test(algorithm), "algorithm");
  checkKey(cert.publicKey, algorithm);
  const hash = "sha" + algorithm.slice(2), sum = (s) => createHash(hash).update(s).digest();
  const how = { R: {}, P: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }, E: { dsaEncoding: "ieee-p1363" } }[algorithm[0]];
  must(verifySignature(hash, Buffer.concat([sum(site.origin), sum(nonce)]), { key: cert.publicKey, ...how }, sig), "signature");
  return cert;
}
