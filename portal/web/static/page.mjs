// What a page says of the last thing that the person did goes with the next, and a hand
// that clicks twice or holds down a key does it once.

// Who logs out in one tab has gone from all: what the others still show was of their session.
const sessions = new BroadcastChannel("cpx-portal-session");
if (document.querySelector("#logout")) sessions.addEventListener("message", () => location.replace("/?session=fermee"));
else if (location.search === "?session=fermee") sessions.postMessage("ended");

// "Your card was taken out" is not said anew by a reload, nor by "back".
if (/^\?(carte|session)=\w+$/.test(location.search)) history.replaceState(null, "", location.pathname);

function clear() {
  for (const said of document.querySelectorAll("main [role=status], main [role=alert]")) said.remove();
}

let sent = -Infinity;

addEventListener("cpx-progress", ({ detail }) => detail.state === "searching" && clear());
addEventListener("submit", (e) => {
  // A click that comes later is the person's own: an answer may never have come.
  if (performance.now() - sent < 1000) return e.preventDefault();
  sent = performance.now();
  clear();
});
addEventListener("keydown", (e) => e.key === "Enter" && e.repeat && e.preventDefault());
addEventListener("pageshow", () => (sent = -Infinity));
