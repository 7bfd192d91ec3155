import type { Sentence } from "./cpx-bridge.mjs";
import { progressText, sentence } from "./cpx-bridge.mjs";
import { language } from "./language";
import { explained, make, ports, requests, tongue } from "./make";
import { report, time } from "./selftest-report";
import { type Result, Run } from "./selftest-run";
import { style } from "./selftest-style";
import { fill, texts, type Texts } from "./selftest-texts";

// On a server that renders pages there is no HTMLElement; no element is made there.
const Base = globalThis.HTMLElement ?? (class {} as typeof HTMLElement);
const name = "cpx-selftest";

/** What stands before a state, for those who see; the state itself is a word. */
const marks: Record<Result["state"], string> = { pending: "○", running: "…", good: "✓", failed: "✕", cancelled: "–", not_applicable: "–" };

/** When the lines of the text may break elsewhere. */
const resized = ["resize", "beforeprint", "afterprint"];

/** A step's elements. */
interface Row {
  item: HTMLElement;
  mark: HTMLElement;
  title: HTMLElement;
  colon: Text;
  state: HTMLElement;
  time: HTMLElement;
  body: HTMLElement;
}

/** <cpx-selftest>: what logging in by card needs, step by step, and a text for the hotline. */
export class CpxSelfTest extends Base {
  report = "";
  private run: Run | undefined;
  private running: AbortController | undefined;
  private answered = -Infinity; // when the browser's question was answered
  private readonly said = new Map<Result, Sentence>();
  private readonly rows = new Map<Result, Row>();
  private readonly view = view(this.attachShadow({ mode: "open" }));

  constructor() {
    super();
    const { start, cancel, login, copy } = this.view;
    start.onclick = () => void this.test();
    login.onclick = () => void this.login();
    cancel.onclick = () => this.cancel();
    copy.onclick = () => void this.copy();
    this.addEventListener("keydown", (e) => {
      if (e.key === "Escape" && !this.asking()) this.cancel();
      // A key that is held down is one click, not thirty a second.
      if (e.key === "Enter" && e.repeat) e.preventDefault();
    });
  }

  get steps(): readonly Result[] {
    return this.run?.steps ?? [];
  }

  connectedCallback(): void {
    addEventListener("pageshow", this.shown);
    addEventListener("pagehide", this.left);
    for (const event of resized) addEventListener(event, this.fit);
    // With the page: what cannot be loaded any more when the network has gone must still be said.
    language(tongue(this)).catch(() => undefined);
    if (!this.run) void this.prepare();
  }

  disconnectedCallback(): void {
    removeEventListener("pageshow", this.shown);
    removeEventListener("pagehide", this.left);
    for (const event of resized) removeEventListener(event, this.fit);
    queueMicrotask(() => this.isConnected || this.cancel());
  }

  // A page restored from the back/forward cache would show what may no longer be so.
  private readonly shown = (e: PageTransitionEvent): void => {
    if (e.persisted) void this.prepare();
  };
  private readonly left = (): void => this.cancel();

  // While the browser asks, Escape answers its question, before or after the page gets the key.
  private asking(): boolean {
    return this.steps.some((s) => s.state === "running" && s.progress?.includes("permission")) || performance.now() - this.answered < 1000;
  }

  cancel(): void {
    this.running?.abort();
  }

  async test(): Promise<void> {
    if (this.running) return;
    const run = await this.prepare();
    if (run && !this.running) await this.during((signal) => run.test(signal));
  }

  async login(): Promise<void> {
    const { run } = this;
    if (run && run.steps.some((s) => s.name === "login") && run.step("agent").state === "good" && !this.running) await this.during((signal) => run.login(signal));
  }

  /** Does what the person asked for. */
  private async during(f: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { signal } = (this.running = new AbortController());
    this.view.result.hidden = true; // it says what was so before
    let interrupted = false;
    await this.refresh();
    try {
      await f(signal);
    } catch {
      interrupted = true; // nothing else is thrown
      this.run?.cancel();
    }
    this.running = undefined;
    await this.ended(interrupted);
  }

  /** A new test, with nothing done yet. */
  private async prepare(): Promise<Run | undefined> {
    this.cancel();
    const get = (name: string): string | undefined => this.getAttribute(name) || undefined;
    const run = new Run(
      {
        lang: tongue(this),
        ports: ports(this, "ports"),
        wss: ports(this, "wss"),
        requests: requests(this),
        reportUrl: get("report-url"),
        installUrl: get("install-url"),
        helpUrl: get("help-url"),
      },
      (step) => this.changed(step),
    );
    const { list, login, offer, result } = this.view;
    this.run = run;
    this.report = "";
    this.said.clear();
    this.rows.clear();
    for (const s of run.steps) this.rows.set(s, row(s));
    const rows = [...this.rows.values()];
    list.replaceChildren(...rows.map((r) => r.item));
    if (this.rows.size > 4) rows[4]!.item.append(offer, login);
    result.hidden = true;
    await this.refresh();
    return this.run === run ? run : undefined;
  }

  private readonly texts = (): Promise<Texts | undefined> => texts(tongue(this)).catch(() => undefined);

  /** Shows a step as it is now. Settles when that can be read. */
  private async changed(s: Result): Promise<void> {
    if (s.progress?.includes("permission")) this.answered = performance.now();
    this.dispatchEvent(new CustomEvent("cpx-step", { detail: s, bubbles: true, composed: true }));
    const { state, progress: now } = s;
    const t = await this.texts();
    const lang = tongue(this);
    if (s.error) this.said.set(s, await sentence(s.error, lang));
    else this.said.delete(s);
    const progress = now && (await progressText(now, lang));
    const r = this.rows.get(s);
    if (!t || !r || s.state !== state || s.progress !== now) return;
    r.item.dataset["state"] = state;
    r.mark.textContent = marks[state];
    r.title.textContent = t[`step.${s.name}`];
    r.state.textContent = t[`state.${state}`];
    r.colon.textContent = t.colon;
    r.time.textContent = time(s.ms);
    const said = this.said.get(s);
    const lines = said ? explained({ ...said, reference: "" }) : progress ? [make("p", "progress", new Text(progress))] : [];
    const code = state === "failed" && s.error?.reference;
    if (code) lines.push(make("p", "reference", new Text(fill(t.reference, { reference: code }))));
    r.body.replaceChildren(...s.facts.map((f) => make("p", "fact", new Text(fill(t[f.key], f.values, lang)))), ...lines);
    // A pending step says nothing new.
    if (state !== "pending") this.view.status.textContent = `${t[`step.${s.name}`]}${t.colon}${t[`state.${state}`]}. ${said?.title ?? progress ?? ""}`;
  }

  /** Shows buttons and all steps. */
  private async refresh(): Promise<void> {
    const { run } = this;
    const t = await this.texts();
    const v = this.view;
    // A tab that stayed open while the portal's files changed.
    if (!t) v.intro.textContent = "Rechargez la page. — Reload the page.";
    if (!t || !run || this.run !== run) return;
    const busy = this.running !== undefined;
    const focus = v.cancel.matches(":focus");
    v.intro.textContent = t.intro;
    v.start.textContent = run.steps[0]!.state === "pending" ? t.start : t.restart;
    v.cancel.textContent = t.cancel;
    v.cancel.hidden = !busy;
    for (const b of [v.start, v.login]) {
      // Not "disabled", which would lose the focus.
      if (busy) b.setAttribute("aria-disabled", "true");
      else b.removeAttribute("aria-disabled");
    }
    const offered = this.rows.size > 4 && run.step("agent").state === "good";
    v.login.hidden = !offered;
    v.login.textContent = t["login.button"];
    v.offer.textContent = t[run.step("agent").state === "failed" ? "login.unreachable" : "login.offer"];
    v.offer.hidden = this.rows.size > 4 && run.step("login").state !== "pending";
    if (focus && v.cancel.hidden) v.start.focus();
    await Promise.all(run.steps.map((s) => (s.state === "pending" ? this.changed(s) : undefined)));
  }

  private async ended(interrupted: boolean): Promise<void> {
    await this.refresh();
    const { run, view: v } = this;
    const t = await this.texts();
    if (!t || !run) return;
    for (const s of run.steps) if (s.error && !this.said.has(s)) this.said.set(s, await sentence(s.error, tongue(this)));
    const failed = run.steps.find((s) => s.state === "failed");
    const all = run.steps.every((s) => s.state === "good" || (s.name === "permission" && s.state === "not_applicable"));
    const key = failed ? "end.failed" : interrupted || run.steps.some((s) => s.state === "cancelled") ? "end.cancelled" : all ? "end.good" : "end.partial";
    this.report = report(run.steps, this.said, t, tongue(this), new Date());
    v.summary.textContent = fill(t[key], { step: failed ? t[`step.${failed.name}`] : "" });
    v.status.textContent = v.summary.textContent;
    v.label.textContent = t.report;
    v.hint.textContent = t["report.hint"];
    v.copy.textContent = t.copy;
    v.copied.textContent = "";
    v.text.value = this.report;
    v.result.hidden = false;
    this.fit();
  }

  /** The whole text is seen, also in print. */
  private readonly fit = (): void => {
    const { text, result } = this.view;
    if (result.hidden) return;
    text.style.height = "auto";
    text.style.height = `${text.scrollHeight + 2}px`;
  };

  /** A page may be kept from the clipboard, by a frame or by the browser: then the text is selected, for the keys. */
  private async copy(): Promise<void> {
    const { text, copied } = this.view;
    const t = await this.texts();
    if (!t) return;
    try {
      await navigator.clipboard.writeText(this.report);
      copied.textContent = t.copied;
    } catch {
      text.focus();
      text.select();
      copied.textContent = document.execCommand("copy") ? t.copied : t["copy.manual"];
    }
  }
}

function row(s: Result): Row {
  const mark = make("span", "mark");
  mark.setAttribute("aria-hidden", "true");
  const colon = new Text();
  const [title, state, took, body] = [make("span", "name"), make("span", "state"), make("span", "time"), make("div", "body")];
  const item = make("li", "step", make("p", "head", mark, title, colon, state, new Text(" "), took), body);
  item.dataset["step"] = s.name;
  return { item, mark, title, colon, state, time: took, body };
}

/** The parts. The live regions exist from the beginning: one that appears with its text may not be read out. */
function view(root: ShadowRoot) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(style);
  root.adoptedStyleSheets = [sheet];
  const [intro, offer, hint, summary] = [make("p", "intro"), make("p", "offer"), make("p", "hint"), make("p", "summary")];
  const [start, cancel, login, copy] = [make("button", "start"), make("button", "cancel"), make("button", "login"), make("button", "copy")];
  for (const b of [start, cancel, login, copy]) b.type = "button";
  cancel.hidden = login.hidden = true;
  const list = make("ol", "steps");
  list.setAttribute("role", "list"); // which Safari takes from a list without numbers
  const [status, copied] = [make("p", "announcement"), make("p", "copied")];
  status.setAttribute("role", "status");
  copied.setAttribute("role", "status");
  const text = make("textarea", "text");
  text.readOnly = true;
  text.spellcheck = false;
  text.id = "report";
  text.setAttribute("translate", "no");
  const label = make("label", "label");
  label.htmlFor = "report";
  hint.id = "hint";
  text.setAttribute("aria-describedby", "hint");
  const result = make("div", "result", summary, label, hint, text, copy, copied);
  result.hidden = true;
  root.append(intro, make("p", "actions", start, new Text(" "), cancel), list, status, result);
  return { intro, start, cancel, list, login, offer, status, result, summary, label, hint, text, copy, copied };
}

if (globalThis.customElements && !customElements.get(name)) customElements.define(name, CpxSelfTest);
