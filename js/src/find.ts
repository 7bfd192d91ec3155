import { abortable, aborted, CpxError, safely } from "./errors";
import type { Attempt, Options, Ports, Progress, Reason } from "./cpx-bridge.mjs";
import { answerTime, Dial, type Outcome, spoken, version } from "./dial";
import { firefox, forbidden, framed, handheld, pass, type Permission, permission, safari } from "./permission";
import type { Link } from "./rpc";

type Listener = (state: Progress) => unknown;
type Reporter = ((attempts: Attempt[]) => unknown) | undefined;

const memory = "cpx-bridge.last";
const headStart = 150;
const step = 50;
/** Longer than a browser shows any prompt. */
const promptTime = 250_000;
/** Most people find and read the browser's question in this time. */
const overdue = 8000;
/** What a page needs to show a sentence before the browser asks. */
const readingTime = 50;
/** How long loading the texts for the first time may delay a dial. */
const loadingTime = 3000;
/** Firefox ends a socket after 20 s, and still shows the question that it asked for it. */
const abandoned = 19_000;
/** Dials that end this close together have ended for the same reason. */
const together = 30;

// Dials outlive their search: the next search reuses one that waits for the
// browser's prompt instead of dialling once more.
const dials = new Map<string, Dial>();
let recent: Link | undefined;
const current = new Set<Search>(); // one for each range that is asked for
let searches = 0;

/** An open connection to the agent: the last one where it serves, else from a search. */
export async function connect({ ports, wss, signal, onProgress, onAttempts }: Options): Promise<Link> {
  const all = addresses(ports, wss);
  if (signal?.aborted) throw aborted();
  if (!isSecureContext) throw new CpxError("insecure_context");
  const link = recent;
  if (link?.open && all.includes(link.url)) {
    // An agent that hangs counts as gone. One that is at work is not disturbed.
    const asked = performance.now();
    if (link.busy || (await abortable(version(link), signal)) === spoken) {
      safely(onAttempts, [{ url: link.url, outcome: "agent", ms: Math.round(performance.now() - asked) }]);
      return link;
    }
    link.close();
  }
  safely(onProgress, "searching");
  const search = [...current].find((s) => String(s.all) === String(all)) ?? new Search(all);
  return search.join(signal, onProgress, onAttempts);
}

/** Where an agent may be. In Safari the encrypted ones come first: it blocks most others. */
function addresses(ports: Ports = { first: 27720, count: 10 }, wss: Ports = { first: 27820, count: 10 }): string[] {
  const secure = range(wss).map((port) => `wss://localhost:${port}/v1`);
  return [...(safari() ? secure : []), ...range(ports).map((port) => `ws://127.0.0.1:${port}/v1`)];
}

/** The ports of a range. A page's mistake is reported as such, not as an absent agent. */
function range({ first, count }: Ports): number[] {
  if (Number.isInteger(first) && Number.isInteger(count) && first > 0 && count > 0 && count <= 100 && first + count <= 65536) {
    return Array.from({ length: count }, (_, i) => first + i);
  }
  throw new CpxError("invalid_params", {}, `ports: first ${first}, count ${count}`);
}

function lastGood(): string {
  try {
    return localStorage.getItem(memory) ?? "";
  } catch {
    return ""; // a page without storage searches each time
  }
}

function remember(link: Link): void {
  if (recent !== link && !recent?.used) recent?.close();
  recent = link;
  try {
    localStorage.setItem(memory, link.url);
  } catch {
    // see lastGood
  }
}

class Search {
  readonly all: string[];
  readonly #found: Promise<Link>;
  readonly #listeners = new Set<Listener>();
  readonly #reporters = new Set<Reporter>();
  readonly #stop = new AbortController();
  #callers = 0;
  readonly #mine = new Map<string, Dial>();
  readonly #timers: ReturnType<typeof setTimeout>[] = [];
  readonly #limit: number;
  readonly #later: boolean;
  state: Permission = "unknown";
  #said: Progress | undefined;
  #asked: boolean | undefined;
  #retried: boolean | undefined;
  #expired: boolean | undefined;
  #blocked: boolean | undefined;
  #over: boolean | undefined;
  #toStart = 0;
  #clock: ReturnType<typeof setTimeout> | undefined;
  #resolve!: (link: Link) => void;
  #reject!: (error: CpxError) => void;

  constructor(all: string[]) {
    this.all = all;
    this.#later = searches++ > 0;
    this.#limit = this.#later || all.length > 10 ? 8000 : 3000;
    this.#found = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#found.catch(() => undefined); // all its callers may have aborted
    document.addEventListener("securitypolicyviolation", this.#violated, { signal: this.#stop.signal });
    current.add(this);
    void this.#begin();
  }

  /** What it finds. A caller that joins later gets the present state at once; when all callers have aborted, the search ends. */
  join(signal: AbortSignal | undefined, onProgress: Listener | undefined, onAttempts: Reporter): Promise<Link> {
    this.#callers++;
    const listener: Listener = (state) => safely(onProgress, state);
    this.#listeners.add(listener);
    this.#reporters.add(onAttempts);
    if (this.#said) listener(this.#said);
    return abortable(this.#found, signal).finally(() => {
      this.#listeners.delete(listener);
      this.#reporters.delete(onAttempts);
      if (!--this.#callers) this.#end();
    });
  }

  /** Notifies all callers; resolves when those that return a promise have shown the state. */
  #say(state: Progress): Promise<unknown> {
    const all = this.#over || this.#said === state ? [] : [...this.#listeners];
    this.#said = state;
    return Promise.allSettled(all.map((listener) => listener(state)));
  }

  // Chromium reports a block by the page's policy here; the socket's own error
  // event is like any other.
  readonly #violated = (e: SecurityPolicyViolationEvent): void => {
    if (e.disposition === "enforce" && /^wss?:\/\/(127\.0\.0\.1|localhost)\b/.test(e.blockedURI)) this.#blocked = true;
  };

  async #begin(): Promise<void> {
    this.state = await permission((s) => this.#changed(s), this.#stop.signal);
    this.#asked = this.state === "prompt";
    if (this.#asked) {
      // The text must appear before the question that it announces.
      await Promise.race([this.#say("permission-prompt"), pause(loadingTime)]);
      await pause(readingTime);
      const asking = (ms: number, state: Progress): void =>
        this.#after(ms, () => this.#pending() && this.state === "prompt" && void this.#say(state));
      asking(400, "waiting-for-permission");
      asking(overdue, "permission-overdue");
    }
    if (this.#over) return;
    this.#dialAll();
    this.#restart(this.#limit);
  }

  #dialAll(): void {
    const good = lastGood();
    const remembered = this.all.includes(good);
    const list = remembered ? [good, ...this.all.filter((url) => url !== good)] : this.all;
    const gap = list.length > 40 ? 2000 / list.length : step;
    this.#toStart = list.length;
    list.forEach((url, i) => {
      // Only the last good one has a head start.
      const wait = remembered ? i && headStart + (i - 1) * gap : i * gap;
      this.#after(wait, () => {
        this.#toStart--;
        this.#dial(url);
      });
    });
  }

  #dial(url: string): void {
    let dial = dials.get(url);
    if (!dial) {
      dial = new Dial(url, moved);
      dials.set(url, dial);
      hurry();
    }
    this.#mine.set(url, dial);
  }

  #changed(state: Permission): void {
    const answered = this.state === "prompt" && state !== "prompt";
    this.state = state;
    if (!answered || this.#over) return;
    // The time of the prompt was not the agent's, which begins now.
    void this.#say("searching");
    this.#restart(this.#limit);
    hurry(true);
    void this.check(); // the socket may have ended meanwhile
  }

  #restart(ms: number): void {
    clearTimeout(this.#clock);
    this.#expired = false;
    this.#clock = setTimeout(() => {
      this.#expired = true;
      void this.check();
    }, ms);
  }

  has(dial: Dial): boolean {
    return this.#mine.get(dial.url) === dial;
  }

  #pending(): boolean {
    return [...this.#mine.values()].some((d) => !d.outcome);
  }

  /** Called when a dial of this search has ended, and when the search's time is up. */
  async check(ended?: Dial): Promise<void> {
    if (this.#over) return;
    if (ended?.link) return this.#won(ended.link);
    const running = this.#pending() || this.#toStart > 0;
    if (running && !this.#expired) return;
    // A violation is reported just after the socket's error.
    await pause(0);
    const state = await permission();
    if (this.#over) return;
    const remaining = promptTime + this.#oldest() - performance.now();
    if (state === "prompt" && remaining > 0) {
      if (this.#pending()) return; // the browser asks, or waits: its answer comes as an event
      if (this.#stillAsked()) return this.#restart(remaining); // as above
    }
    if (state === "granted" && this.#asked && !this.#retried) {
      // Granted too late for the socket that asked: one more dial.
      this.#retried = true;
      this.state = state;
      this.#restart(this.#limit);
      return this.#dialAll();
    }
    if (!this.#expired && (this.#pending() || this.#toStart > 0)) return;
    this.#fail(state);
  }

  /** Whether the browser still asks its question though every socket has ended. */
  #stillAsked(): boolean {
    return firefox > 0 && [...this.#mine.values()].some((d) => d.ended - d.started > abandoned);
  }

  #oldest(): number {
    return Math.min(...[...this.#mine.values()].map((d) => d.started));
  }

  #report(): void {
    const all = [...this.#mine.values()].map((d) => d.attempt);
    for (const r of this.#reporters) safely(r, all);
  }

  #won(link: Link): void {
    this.#end();
    this.#report();
    if (this.state === "prompt") pass();
    remember(link);
    for (const d of [...dials.values()]) if (d.link !== link && !searching(d).length) d.close();
    this.#resolve(link);
  }

  #fail(state: Permission): void {
    this.#end();
    this.#report();
    const all = [...this.#mine.values()];
    const some = (o: Outcome): boolean => all.some((d) => d.outcome === o);
    let reason: Reason = "no_agent";
    let detail: string | undefined;
    // Safari may block every plain socket in this way, which is not the page's policy.
    if (this.#blocked || (!safari() && some("blocked"))) reason = "csp_blocked";
    else if (some("agent_too_old")) reason = "agent_too_old";
    else if (some("page_too_old")) reason = "page_too_old";
    else if (state === "denied" || state === "prompt") {
      // Where the answer could only be no, the browser does not ask.
      if (forbidden()) reason = "policy_blocked";
      else if (state === "denied") reason = "permission_denied";
      else if (this.#stillAsked() || this.#dismissed(all)) reason = "permission_dismissed";
      if (framed() && reason !== "no_agent") detail = "frame";
    }
    if (safari() && /^(no_agent|csp_blocked)$/.test(reason)) detail = "safari";
    else if (reason === "no_agent" && lastGood()) detail = "known";
    if (handheld()) [reason, detail] = ["no_agent", "handheld"];
    this.#reject(new CpxError(reason, { detail }));
  }

  /**
   * A page cannot distinguish a refused port from a dismissed prompt by the event,
   * and Chromium asks for both. But only dials of listening ports wait for the
   * answer: they end with the prompt and so together, and later than the refused
   * ones, because a person takes longer than a refusal.
   */
  #dismissed(all: Dial[]): boolean {
    const end = Math.max(...all.map((d) => d.ended));
    const took = (d: Dial): number => d.ended - d.started;
    const last = all.filter((d) => end - d.ended < together);
    const rest = all.filter((d) => end - d.ended >= together);
    // A single dial, without another to compare it with, may be a refusal.
    const refusal = rest.length ? Math.max(...rest.map(took)) : last.length > 1 ? 0 : 2500;
    return Math.min(...last.map(took)) - refusal > (this.#later ? 4000 : 700);
  }

  #after(ms: number, f: () => void): void {
    this.#timers.push(setTimeout(f, ms));
  }

  #end(): void {
    this.#over = true;
    clearTimeout(this.#clock);
    for (const t of this.#timers) clearTimeout(t);
    this.#stop.abort();
    current.delete(this);
  }
}

const pause = (ms: number): Promise<unknown> => new Promise((r) => setTimeout(r, ms));
const searching = (dial: Dial): Search[] => [...current].filter((s) => s.has(dial));

function moved(dial: Dial): void {
  if (dial.outcome) {
    dials.delete(dial.url);
    const all = searching(dial);
    for (const s of all) void s.check(dial);
    // Opened after its search had ended: the next search can use it.
    if (!all.length && dial.link) remember(dial.link);
  }
  hurry();
}

let head: Dial | undefined;
let patience: ReturnType<typeof setTimeout> | undefined;

/**
 * Firefox connects to one port of an address after the other: a program that
 * accepts a connection and stays silent holds up all later ones, in every tab. So
 * the first in the queue is closed after the time that an agent has to answer,
 * unless the browser may be waiting for a person.
 */
function hurry(anew?: boolean): void {
  if (!firefox) return;
  const next = [...dials.values()].find((d) => d.silent);
  if (next === head && !anew) return;
  head = next;
  clearTimeout(patience);
  patience = setTimeout(() => [...current].some((s) => s.state === "prompt") || next?.close(), answerTime);
}
