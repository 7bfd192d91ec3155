import type { AuthenticateOptions, Ports, Progress } from "./cpx-bridge.mjs";
import type { LoginState } from "./button.mjs";
import { authenticate, CpxError, progressText, sentence } from "./cpx-bridge.mjs";
import { language, wanted } from "./language";
import { style } from "./style";

// On a server that renders pages there is no HTMLElement; no element is made there.
const Base = globalThis.HTMLElement ?? (class {} as typeof HTMLElement);
const name = "cpx-login";

/** Makes an element by hand: a page's Trusted Types may forbid parsing one. */
function make<K extends keyof HTMLElementTagNameMap>(tag: K, part: string, ...children: Node[]): HTMLElementTagNameMap[K] {
  const e = document.createElement(tag);
  if (part) e.setAttribute("part", part);
  e.append(...children);
  return e;
}

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
    this.addEventListener("keydown", (e) => e.key === "Escape" && !this.asking() && this.cancel());
  }

  get state(): LoginState {
    return this.now;
  }

  connectedCallback(): void {
    addEventListener("pageshow", this.shown);
    if (this.now === "idle") void this.become("idle");
  }

  disconnectedCallback(): void {
    removeEventListener("pageshow", this.shown);
    // An element moved within the page goes on; one removed from it cancels.
    queueMicrotask(() => this.isConnected || this.cancel());
  }

  // A page restored from the back/forward cache would still show the login done.
  private readonly shown = (e: PageTransitionEvent): void => {
    if (e.persisted) this.reset();
  };

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
    try {
      const answer = await authenticate(this.options(signal) as AuthenticateOptions & { loginUrl: string });
      void this.become("done");
      this.follow(answer);
    } catch (e) {
      this.failed(e);
    } finally {
      this.running = undefined;
    }
  }

  private options(signal: AbortSignal): AuthenticateOptions {
    const get = (name: string): string | undefined => this.getAttribute(name) || undefined;
    const ports = (name: string): Ports | undefined => {
      const first = get(name + "-first");
      return first === undefined ? undefined : { first: Number(first), count: Number(get(name + "-count") ?? 10) };
    };
    return {
      signal,
      lang: this.tongue(),
      challengeUrl: get("challenge-url"),
      loginUrl: get("login-url"),
      installUrl: get("install-url"),
      ports: ports("ports"),
      wss: ports("wss"),
      onProgress: (state: Progress) => this.become(state),
    };
  }

  /** The language of the element, or of the nearest element around it that has one. */
  private tongue(): string | undefined {
    return this.closest<HTMLElement>("[lang]")?.lang || undefined;
  }

  private follow(answer: Record<string, unknown>): void {
    const event = new CustomEvent("cpx-success", { detail: answer, bubbles: true, composed: true, cancelable: true });
    const next = answer["next"];
    if (!this.dispatchEvent(event) || typeof next !== "string" || !URL.canParse(next, location.href)) return;
    // The portal's answer may lead within the portal only.
    const url = new URL(next, location.href);
    if (url.origin === location.origin) location.assign(url);
  }

  private failed(e: unknown): void {
    const error = e instanceof CpxError ? e : new CpxError("unknown", {}, String(e));
    if (error.reason === "aborted") {
      void this.become("idle");
    } else {
      this.error = error;
      void this.become("error");
      this.dispatchEvent(new CustomEvent("cpx-error", { detail: error, bubbles: true, composed: true }));
    }
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
    const busy = state !== "idle" && state !== "error";
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
    const lang = this.tongue();
    v.progress.hidden = !busy;
    v.cancel.hidden = !busy || state === "done";
    if (!busy) v.text.textContent = "";
    v.error.replaceChildren();
    v.error.hidden = true;
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
    v.error.replaceChildren(...explained(s));
    v.error.hidden = false;
  }
}

function explained({ title, help, list, link }: Awaited<ReturnType<typeof sentence>>): Node[] {
  const plain = (text: string): Text => new Text(text);
  const nodes: Node[] = [make("p", "error-title", plain(title)), make("p", "error-help", plain(help))];
  if (list.length) nodes.push(make("ul", "error-list", ...list.map((text) => make("li", "", plain(text)))));
  if (link) {
    const a = make("a", "error-link", plain(link.text));
    a.href = link.href;
    a.target = "_blank";
    a.rel = "noopener";
    nodes.push(a);
  }
  return nodes;
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
  const error = make("div", "error");
  const [status, alert] = [make("div", "", progress), make("div", "", error)];
  status.setAttribute("role", "status");
  alert.setAttribute("role", "alert");
  button.type = cancel.type = "button";
  root.append(slot, status, cancel, alert);
  return { slot, button, label, progress, text, cancel, error };
}

if (globalThis.customElements && !customElements.get(name)) customElements.define(name, CpxLogin);
