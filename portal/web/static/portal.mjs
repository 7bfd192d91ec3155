// The card button of the home page. Everything that knows the agent is in the
// library; this only shows what happens and goes where the portal says.
import { authenticate, sentence } from "/static/js/cpx-bridge.mjs";

const element = (id) => document.getElementById(id);
const button = element("card-login");
const cancel = element("card-cancel");
const progress = element("card-progress");
const failure = element("card-error");
const { lang, portsFirst, portsCount, retry } = button.dataset;
const ports = { first: Number(portsFirst), count: Number(portsCount) };

function tell(state) {
  const key = state.replace(/-(.)/g, (_, letter) => letter.toUpperCase());
  element("card-progress-text").textContent = progress.dataset[key] ?? "";
}

function running(yes) {
  button.disabled = yes;
  progress.hidden = cancel.hidden = !yes;
  if (yes) failure.hidden = true;
}

async function login() {
  const controller = new AbortController();
  cancel.onclick = () => controller.abort();
  running(true);
  tell("searching");
  try {
    const { next } = await authenticate({
      challengeUrl: "/auth/challenge", loginUrl: "/auth/login", lang, ports, signal: controller.signal, onProgress: tell,
    });
    location.assign(next);
  } catch (error) {
    running(false);
    if (error?.reason === "aborted") {
      button.focus();
      return;
    }
    const { title, help } = await sentence(error, lang);
    element("card-error-title").textContent = title;
    element("card-error-help").textContent = help;
    element("card-login-text").textContent = retry;
    failure.hidden = false;
    button.focus();
  }
}

button.addEventListener("click", login);
