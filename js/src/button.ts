import type { AuthenticateOptions, Progress } from "./cpx-bridge.mjs";
import type { LoginState } from "./button.mjs";
import { authenticate, CpxError, progressText, sentence } from "./cpx-bridge.mjs";
import { language, wanted } from "./language";
import { explained, make, ports, requests, tongue } from "./make";
import { style } from "./style";

// On a server that renders pages there is no HTMLElement; no element is made there.
const Base = globalThis.HTMLElement ?? (class {} as typeof HTMLElement);
const name = "cpx-login";

/** What a person ends by an answer of their own: no failure, and nothing to be alarmed about. */
const cancels = /^(cancelled|consent_denied|permission_dismissed)$/;
/** How long a page may take to give way to the next one, after which it stays, in ms. */
const departure = 10_000;
/** The states in which no login runs. */
const idle = /^(idle|cancelled|error)$/;

function icon(): SVGElement {
  const make = (tag: string, attributes: Record<string, string>): SVGElement => {
    const e = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
    return e;
  };
  const card = make("svg", { part: "icon", viewBox: "0 0 32 24", "aria-hidden": "true" });
  card.append(
    make("rect", { x: "1", y: "1", width: "30", height: "22", rx: "3", fill: "none", stroke: "currentColor", "stroke-width": "2" }),
    make("rect", { x: "6", y: "8", width: "7", height: "7", rx: "1", fill: "currentColor" }),
    make("path", { d: "M17 17h10", stroke: "currentColor", "stroke-width": "2" }),
  );
  return card;
}

/** <cpx-login>: the button, the progress of a login, and why it failed. */
export class CpxLogin extends Base {
  error: CpxError | undefined;
  private now: LoginState = "idle";
  private answered = -Infinity; // when the browser's question was answered
  private departed = -Infinity; // when the page began to give way to another
  private running: AbortController | undefined;
  private readonly view = view(this.attachShadow({ mode: "open" }));

  constructor() {
    super();
    const { slot, cancel } = this.view;
    // Our own button, or the site's in its slot.
    slot.onclick = (e) => {
      e.preventDefault(); // it may be in a form
      if (this.now !== "done") void this.login();
    };
    cancel.onclick = () => this.cancel();
    this.addEventListener("keydown", (e) => {
      if (e.key === "Escape" && !this.asking()) this.cancel();
      // A key that is held down is one click, not thirty a second.
      if (e.key === "Enter" && e.repeat) e.preventDefault();
    });
  }

  get state(): LoginState {
    return this.now;
  }

  connectedCallback(): void {
    addEventListener("pageshow", this.shown);
    addEventListener("pagehide", this.left);
    // With the page: what cannot be loaded any more when the network has gone must still be said.
    language(tongue(this)).catch(() => undefined);
    if (this.now === "idle") void this.become("idle");
  }

  disconnectedCallback(): void {
    removeEventListener("pageshow", this.shown);
    removeEventListener("pagehide", this.left);
    // An element moved within the page goes on; one removed from it cancels.
    queueMicrotask(() => this.isConnected || this.cancel());
  }

  // A page restored from the back/forward cache would still show the login done.
  private readonly shown = (e: PageTransitionEvent): void => {
    if (e.persisted) this.reset();
  };

  // A page that is put aside for "back" would go on, and hold up who is at the card next.
  private readonly left = (): void => this.cancel();
  private readonly leaving = (): void => void (this.departed = performance.now());

  // While the browser asks, Escape answers its question: Firefox's "Block". The page
  // gets that answer before or after the key itself, and must still report it.
  private asking(): boolean {
    return this.now.includes("permission") || performance.now() - this.answered < 1000;
  }

  reset(): void {
    this.cancel();
    this.error = undefined;
    if (!this.running) void this.become("idle");
  }

  cancel(): void {
    this.running?.abort();
  }

  async login(): Promise<void> {
    if (this.running) return;
    const { signal } = (this.running = new AbortController());
    this.error = undefined;
    void this.become("searching");
    addEventListener("beforeunload", this.leaving); // during a login only: Firefox puts no page aside that has one
    try {
      const answer = await authenticate(this.options(signal) as AuthenticateOptions & { loginUrl: string });
      void this.become("done");
      this.follow(answer);
    } catch (e) {
      await this.failed(e, signal);
    } finally {
      this.running = undefined;
      removeEventListener("beforeunload", this.leaving);
    }
  }

  private options(signal: AbortSignal): AuthenticateOptions {
    const get = (name: string): string | undefined => this.getAttribute(name) || undefined;
    return {
      signal,
      lang: tongue(this),
      ...requests(this),
      loginUrl: get("login-url"),
      installUrl: get("install-url"),
      helpUrl: get("help-url"),
      ports: ports(this, "ports"),
      wss: ports(this, "wss"),
      onProgress: (state: Progress) => this.become(state),
    };
  }

  private follow(answer: Record<string, unknown>): void {
    const event = new CustomEvent("cpx-success", { detail: answer, bubbles: true, composed: true, cancelable: true });
    const next = answer["next"];
    if (!this.dispatchEvent(event) || typeof next !== "string" || !URL.canParse(next, location.href)) return;
    // The portal's answer may lead within the portal only.
    const url = new URL(next, location.href);
    if (url.origin === location.origin) location.assign(url);
  }

  private async failed(e: unknown, signal: AbortSignal): Promise<void> {
    const error = e instanceof CpxError ? e : new CpxError("unknown", {}, String(e));
    // Firefox closes a page's connections while it still shows the page, and the next one is on its way.
    const cut = /^(no_agent|agent_lost)$/.test(error.reason) || error.detail === "unreachable";
    if (error.reason === "aborted" || (cut && (await this.gone(signal)))) {
      void this.become("idle");
    } else if (cancels.test(error.reason)) {
      this.error = error;
      void this.become("cancelled");
    } else {
      this.error = error;
      void this.become("error");
      this.dispatchEvent(new CustomEvent("cpx-error", { detail: error, bubbles: true, composed: true }));
    }
  }

  /**
   * Whether a page that began to give way is gone, or the person cancelled meanwhile: then nothing is to be said. It
   * also begins for a file to be saved, a mailto: link, or a question that is answered by staying; nothing tells that it stays but time.
   */
  private gone(signal: AbortSignal): Promise<boolean> {
    const rest = this.departed + departure - performance.now();
    if (rest <= 0) return Promise.resolve(false);
    return new Promise((done) => {
      const stays = setTimeout(() => done(false), rest);
      const end = (): void => {
        clearTimeout(stays);
        done(true);
      };
      if (signal.aborted) end();
      else signal.addEventListener("abort", end);
    });
  }

  private main(): HTMLElement {
    return (this.view.slot.assignedElements()[0] as HTMLElement | undefined) ?? this.view.button;
  }

  /** Settles when the state's text is shown. */
  private become(state: LoginState): Promise<void> {
    const changed = this.now !== state;
    const { button, slot, cancel } = this.view;
    const focus = cancel.matches(":focus");
    if (changed && this.now.includes("permission")) this.answered = performance.now();
    this.now = state;
    this.setAttribute("state", state);
    const busy = !idle.test(state);
    for (const b of [button, ...slot.assignedElements()]) {
      // Not "disabled", which would lose the focus.
      if (busy) b.setAttribute("aria-disabled", "true");
      else b.removeAttribute("aria-disabled");
    }
    const shown = this.show(state, busy);
    // The focused element is gone: the keyboard goes on from the button.
    if (focus && cancel.hidden) this.main().focus();
    if (changed) this.dispatchEvent(new CustomEvent("cpx-progress", { detail: { state }, bubbles: true, composed: true }));
    return shown;
  }

  /** Shows the state's texts, once they are loaded. */
  private async show(state: LoginState, busy: boolean): Promise<void> {
    const v = this.view;
    const lang = tongue(this);
    v.progress.hidden = !busy;
    v.cancel.hidden = !busy || state === "done";
    if (!busy) v.text.textContent = "";
    for (const e of [v.error, v.notice]) {
      e.replaceChildren();
      e.hidden = true;
    }
    if (state === "idle") {
      // Not from the language's file, so that the button has its text at once.
      v.label.textContent = wanted(lang).startsWith("fr") ? "S’identifier par carte CPS" : "Log in by card";
      return;
    }
    const words = (await language(lang).catch(() => undefined))?.words;
    if (this.now !== state) return;
    if (words) v.cancel.textContent = words.cancel;
    if (busy) {
      const text = await progressText(state as Progress | "done", lang);
      if (this.now === state) v.text.textContent = text;
      return;
    }
    const s = await sentence(this.error, lang);
    if (this.now !== state) return;
    if (words) v.label.textContent = words.retry;
    const shown = state === "error" ? v.error : v.notice;
    shown.replaceChildren(...explained(s));
    shown.hidden = false;
  }
}

/** The parts. The live regions exist from the beginning: one that appears with its text may not be read out. */
function view(root: ShadowRoot) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(style);
  root.adoptedStyleSheets = [sheet];
  // Our own text where the site gives none. It is not the slot's default content,
  // because a line end between the tags would replace that.
  const label = make("span", "label");
  const named = make("slot", "");
  named.addEventListener("slotchange", () => {
    label.hidden = named.assignedNodes().some((n) => n.textContent?.trim());
  });
  const button = make("button", "button", icon(), named, label);
  const slot = make("slot", "", button);
  slot.name = "button";
  const spinner = make("span", "spinner");
  spinner.setAttribute("aria-hidden", "true");
  const text = make("span", "text");
  const progress = make("div", "progress", spinner, text);
  const cancel = make("button", "cancel", new Text("×"));
  const [notice, error] = [make("div", "notice"), make("div", "error")];
  notice.hidden = error.hidden = true;
  const [status, alert] = [make("div", "", progress, notice), make("div", "", error)];
  status.setAttribute("role", "status");
  alert.setAttribute("role", "alert");
  button.type = cancel.type = "button";
  root.append(slot, status, cancel, alert);
  return { slot, button, label, progress, text, cancel, notice, error };
}

if (globalThis.customElements && !customElements.get(name)) customElements.define(name, CpxLogin);
