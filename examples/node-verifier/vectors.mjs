// vectors prints, for each vector of the file that is named, its name and what verify makes of it.
//   node vectors.mjs ../../authtoken/testdata/vectors/vectors.json
import { readFileSync } from "node:fs";
import { X509Certificate } from "node:crypto";
import { verify } from "./verify.mjs";

const file = JSON.parse(readFileSync(process.argv[2], "utf8"));
const certificates = Object.fromEntries(Object.entries(file.certificates).map(([name, der]) => [name, new X509Certificate(Buffer.from(der, "base64"))]));
const bytes = (text, base64) => (base64 ? Buffer.from(base64, "base64") : Buffer.from(text ?? ""));

for (const v of file.vectors) {
  const token = bytes(v.token, v.tokenBase64), body = bytes(v.body, v.bodyBase64);
  const posted = body.length ? body : Buffer.concat([Buffer.from('{"auth-token":'), token, Buffer.from("}")]);
  const named = (names) => names.map((name) => certificates[name]);
  const site = { origin: v.origin, roots: named(v.trust.roots), intermediates: named(v.trust.intermediates), policy: "8837" + "0a01" };
  let outcome = "accepted", why = "";
  try {
    verify(posted, v.nonce, site, new Date(v.time));
  } catch (err) {
    [outcome, why] = ["refused", String(err.message)];
  }
  console.log(JSON.stringify({ name: v.name, outcome, why }));
}
