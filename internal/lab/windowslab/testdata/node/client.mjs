// One request of a page, with Node's own WebSocket: it prints what comes, a JSON text a
// line. Its standard output must be a file: in wine a pipe is none that Node writes to.
//
//   node client.mjs PORT ORIGIN NONCE [HOST]
const [port, origin, nonce, host = "127.0.0.1"] = process.argv.slice(2);
const say = (text) => console.log(text);
const end = (values) => {
	say(JSON.stringify(values));
	process.exit(0);
};
const socket = new WebSocket(`ws://${host}:${port}/v1`, { protocols: ["cpx.v1"], headers: { Origin: origin } });
let open = false;
socket.onopen = () => {
	open = true;
	say(JSON.stringify({ event: "open" }));
	const params = { challengeNonce: nonce, lang: "fr" };
	socket.send(JSON.stringify({ jsonrpc: "2.0", id: 1, method: "authenticate", params }));
};
socket.onmessage = ({ data }) => {
	say(data);
	if (JSON.parse(data).id !== undefined) {
		process.exit(0);
	}
};
socket.onerror = (event) => {
	if (!open) {
		// "Received network error or non-101 status code." is all that the standard lets it say.
		end({ event: "refused", status: 0, text: event.message });
	}
};
socket.onclose = ({ code }) => end({ event: "closed", text: String(code) });
