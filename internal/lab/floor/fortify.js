// Fortify's core, from its own repository (webcrypto-local, built): a server over SoftHSM
// in one process and its client in another. The client signs once for each line of its
// input, and answers with the milliseconds that took.
//
//   node fortify.js FOLDER server|client

const path = require("node:path");
const fs = require("node:fs");
const { createRequire } = require("node:module");
const readline = require("node:readline");

const [folder, role] = process.argv.slice(2);
const load = createRequire(path.join(folder, "package.json"));
const { setEngine } = load("2key-ratchet");
const { Crypto } = load("@peculiar/webcrypto");
const { E_MODULE, E_PIN, E_PORT, E_CERT, E_KEY, E_ALGORITHM } = process.env;

process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0"; // its certificate is of this run alone
setEngine("WebCrypto NodeJS", new Crypto());
const address = `127.0.0.1:${E_PORT}`;

function serve() {
  const server = load("@webcrypto-local/server");
  new server.LocalServer({
    cert: fs.readFileSync(E_CERT),
    key: fs.readFileSync(E_KEY),
    storage: new server.MemoryStorage(),
    disablePCSC: true,
    config: { cardConfigPath: "", providers: [{ lib: E_MODULE, slots: [0], name: "TEST" }], cards: [] },
  })
    .on("notify", (n) => n.resolve(n.type === "pin" ? E_PIN : true))
    .on("error", (e) => console.error(e))
    .on("listening", () => console.log("listening"))
    .listen(address);
}

async function sign() {
  const client = load("@webcrypto-local/client");
  const provider = new client.SocketProvider({ storage: await client.MemoryStorage?.create?.() ?? new client.MemoryStorage() });
  await new Promise((resolve, reject) => provider.connect(address).on("error", reject).on("listening", resolve));
  if (!await provider.isLoggedIn()) await provider.login();
  const info = await provider.info();
  const crypto = await provider.getCrypto(info.providers[0].id);
  if (!await crypto.isLoggedIn()) await crypto.login();
  const name = (await crypto.keyStorage.keys()).find((key) => key.startsWith("private"));
  const algorithm = JSON.parse(E_ALGORITHM);
  const key = await crypto.keyStorage.getItem(name, algorithm, false, ["sign"]);
  process.stdout.write("ready\n");
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const begun = process.hrtime.bigint();
    await crypto.subtle.sign(algorithm, key, Buffer.from(line));
    process.stdout.write(`${Number(process.hrtime.bigint() - begun) / 1e6}\n`);
  }
  process.exit(0);
}

if (role === "server") serve();
else sign().catch((e) => { console.error(e); process.exit(1); });
