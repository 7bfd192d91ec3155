// What a page says of the last thing that the person did goes with the next, and a hand
// that clicks twice or holds down a key does it once.

// Who logs out in one tab has gone from all: what the others still show was of their session.
const sessions = new BroadcastChannel("cpx-portal-session");
if (document.querySelector("#logout")) sessions.addEventListener("message", () => location.replace("/?session=fermee"));
else if (/^\?(session=(fermee|partout)|carte=detachee)$/.test(location.search)) sessions.postMessage("ended");

// "Your card was taken out" is not said anew by a reload, nor by "back".
if (/^\?(carte|session)=\w+$/.test(location.search)) history.replaceState(null, "", location.pathname);

function clear() {
  for (const said of document.querySelectorAll("main [role=status], main [role=alert]")) said.remove();
}

// Where a login failed, the test of the workstation says what is in its way.
const test = document.querySelector("#test-workstation");
if (test) addEventListener("cpx-progress", ({ detail }) => (test.hidden = detail.state !== "error"));

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

// Who changes the language finds what was typed, but for the password, which no browser is to
// write down. It is for the page of the same card alone, once.
const typed = document.querySelector("form[data-keep]");
const names = ["username", "service", "region"];
try {
  const before = JSON.parse(sessionStorage.getItem("typed") ?? "null");
  sessionStorage.removeItem("typed");
  if (typed && before?.card === typed.dataset.keep) {
    for (const name of names) typed.elements[name].value = before[name] ?? "";
    if (before.region || before.service) typed.querySelector("details").open = true;
    if (before.username) typed.elements.password.focus();
  }
  document.querySelector("#language")?.addEventListener("submit", () => {
    if (!typed) return;
    const values = Object.fromEntries(names.map((name) => [name, typed.elements[name].value]));
    sessionStorage.setItem("typed", JSON.stringify({ card: typed.dataset.keep, ...values }));
  });
} catch {
  // A browser that stores nothing for sites: the fields are empty, as they were.
}
