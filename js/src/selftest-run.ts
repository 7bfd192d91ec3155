import type { Attempt, AuthenticateOptions, CpxError as Failure, Options, Progress, Status } from "./cpx-bridge.mjs";
import type { Step, StepName, StepState } from "./selftest.mjs";
import { authenticate, CpxError, status } from "./cpx-bridge.mjs";
import { framed, handheld, permission, safari } from "./permission";
import type { Key } from "./selftest-texts";

/** Something that a step found: a text and its values. */
export interface Fact {
  key: Key;
  values?: Record<string, string | number | Date> | undefined;
}

/** A step with what only its element shows. */
export interface Result extends Step {
  state: StepState;
  ms: number | undefined;
  error: Failure | undefined;
  facts: Fact[];
  /** What the person is to do at the moment. */
  progress: Progress | undefined;
}

export interface Settings extends Options {
  /** How the challenge is fetched, and what is sent with it and with the token. */
  requests: Pick<AuthenticateOptions, "challengeUrl" | "challengeMethod" | "headers">;
  /** The portal's endpoint that reports on a token; without it there is no login. */
  reportUrl?: string | undefined;
}

/** Failures that are not the agent's, by the step they belong to. */
const ofThePage = /^insecure_context$/;
const ofThePermission = /^(permission_\w+|policy_blocked|csp_blocked)$/;

/** What a person ended by an answer of their own: no failure. */
const cancels = /^(cancelled|consent_denied)$/;

/** How often an agent that has not read its readers yet is asked, and the pause before each, in ms. */
const readings = 5;
const pause = 1000;

/** Days before its end from which a certificate is about to expire, as the agent has it. */
const soon = 60;
/** How far this computer's clock may be from the portal's, in ms. */
const drift = 120_000;
const day = 86_400_000;

/** One self-test. It does nothing that the person has not asked for: dialling may have the browser ask its question, the login opens the agent's dialogs. */
export class Run {
  readonly steps: Result[];
  private readonly settings: Settings;
  private readonly changed: (step: Result) => unknown;
  private begun = 0;

  constructor(settings: Settings, changed: (step: Result) => unknown) {
    this.settings = settings;
    this.changed = changed;
    const names: StepName[] = ["browser", "permission", "agent", "station"];
    if (settings.reportUrl) names.push("login");
    this.steps = names.map((name) => ({ name, state: "pending", ms: undefined, error: undefined, facts: [], progress: undefined }));
  }

  step(name: StepName): Result {
    return this.steps.find((s) => s.name === name)!;
  }

  /** Everything but the login. Rejects only where the signal aborts. */
  async test(signal: AbortSignal): Promise<void> {
    if (!this.browser()) return;
    const answer = await this.reach(signal);
    if (answer) await this.station(answer, signal);
  }

  private browser(): boolean {
    const s = this.begin("browser");
    if (framed()) s.facts.push({ key: "browser.framed" });
    if (safari()) s.facts.push({ key: "browser.safari" });
    if (!navigator.cookieEnabled && this.settings.reportUrl) s.facts.push({ key: "browser.cookies" });
    if (handheld()) this.fail(s, new CpxError("no_agent", { detail: "handheld" }));
    else if (!isSecureContext) this.fail(s, new CpxError("insecure_context"));
    else this.end(s, "good", { key: "browser.good" });
    return s.state === "good";
  }

  /** The browser's permission and the agent: one search answers for both. */
  private async reach(signal: AbortSignal): Promise<Status | undefined> {
    const allowed = this.begin("permission");
    const agent = this.step("agent");
    const since = this.begun;
    /** Where the browser asked nothing, all of the search's time was the agent's. */
    const beginAgent = (): void => {
      if (agent.state === "running") return;
      this.begin("agent");
      if (allowed.state === "not_applicable") this.begun = since;
    };
    const settled = async (): Promise<void> => {
      if (allowed.state !== "running") return;
      const granted = (await permission()) === "granted";
      // A browser may report that it would ask and never ask: of that nothing can be said but that it let the page pass.
      this.end(allowed, granted ? "good" : "not_applicable", { key: granted ? "permission.good" : "permission.none" });
    };
    const before = await permission();
    if (before === "granted" || before === "unknown") {
      await settled();
      beginAgent();
    }
    let attempts: Attempt[] = [];
    const onProgress = (state: Progress): unknown => {
      if (allowed.state !== "running") return;
      allowed.progress = state === "searching" ? undefined : state;
      return this.changed(allowed);
    };
    try {
      const answer = await status({ ...this.options(signal), onProgress, onAttempts: (a) => (attempts = a) });
      await settled();
      beginAgent();
      this.describe(agent, attempts);
      this.end(agent, "good");
      return answer;
    } catch (e) {
      const error = known(e);
      if (error.reason === "aborted") throw error;
      if (ofThePage.test(error.reason) || ofThePermission.test(error.reason)) {
        this.reset(agent);
        this.fail(ofThePage.test(error.reason) ? this.step("browser") : allowed, error);
        return;
      }
      await settled();
      beginAgent();
      this.describe(agent, attempts);
      this.fail(agent, error);
      return;
    }
  }

  /** What answered where. */
  private describe(agent: Result, attempts: Attempt[]): void {
    const port = (a: Attempt): string => new URL(a.url).port;
    const found = attempts.find((a) => a.outcome === "agent");
    if (found) {
      // The time of the search had the browser's question in it.
      agent.ms = found.ms;
      agent.facts.push({ key: "agent.good", values: { port: port(found) } });
    }
    const tell = (outcome: Attempt["outcome"], key: Key): void => {
      const all = attempts.filter((a) => a.outcome === outcome).map(port);
      if (all.length) agent.facts.push({ key, values: { ports: all.join(", ") } });
    };
    tell("mute", found ? "agent.others" : "agent.mute");
    // Where an agent answered, what was still pending had not had its time.
    if (!found) tell("pending", "agent.silent");
  }

  /** What an agent says of readers and card; to a site that is not allowed it says nothing. */
  private async station(first: Status, signal: AbortSignal): Promise<void> {
    const s = this.begin("station");
    let answer = first;
    try {
      for (let n = 0; answer.card === "unknown" && n < readings; n++) {
        await new Promise((r) => setTimeout(r, pause));
        answer = await status(this.options(signal));
      }
    } catch (e) {
      const error = known(e);
      if (error.reason === "aborted") throw error;
      return this.fail(s, error);
    }
    const { agent, readers, card } = answer;
    if (!agent) return this.end(s, "not_applicable", { key: "station.closed" });
    s.facts.push({ key: "station.agent", values: { version: code(agent.version, /^[\w.+-]{1,40}$/) } });
    if (typeof readers === "number") s.facts.push({ key: "station.readers", values: { readers } });
    if (readers === 0) this.fail(s, new CpxError("no_reader"));
    else if (card === "absent") this.fail(s, new CpxError("no_card"));
    else if (card === "present") this.end(s, "good", { key: "station.present" });
    else this.end(s, "not_applicable", { key: "station.unknown" });
  }

  /** A real login, of which the portal retains nothing. */
  async login(signal: AbortSignal): Promise<void> {
    const s = this.begin("login");
    const onProgress = (state: Progress): unknown => {
      s.progress = state;
      return this.changed(s);
    };
    try {
      const answer = await authenticate({ ...this.options(signal), ...this.settings.requests, loginUrl: this.settings.reportUrl!, onProgress });
      this.reported(s, answer);
    } catch (e) {
      const error = known(e);
      if (error.reason === "aborted") throw error;
      this.fail(s, error);
    }
  }

  /** What the portal says of the card's certificate. Whatever else its answer holds is not shown. */
  private reported(s: Result, answer: Record<string, unknown>): void {
    if (typeof answer["fit"] !== "boolean") return this.fail(s, new CpxError("login_refused", { detail: "unexpected_answer" }));
    const [from, to, now] = [date(answer["validFrom"]), date(answer["validTo"]), date(answer["now"])];
    if (from && to && now) {
      const days = Math.floor((to.getTime() - now.getTime()) / day);
      const key: Key = from > now ? "login.early" : days < 0 ? "login.expired" : days <= soon ? "login.soon" : "login.valid";
      s.facts.push({ key, values: { from, to, days: Math.abs(days) } });
    }
    if (answer["kind"]) s.facts.push({ key: "login.kind", values: { kind: code(answer["kind"], /^[A-Z]{2,5}$/) } });
    const clock = now && Math.round((Date.now() - now.getTime()) / 60_000);
    if (now && Math.abs(Date.now() - now.getTime()) > drift) s.facts.push({ key: "login.clock", values: { minutes: Math.abs(clock!) } });
    if (!answer["fit"]) return this.fail(s, new CpxError("login_refused", { detail: code(answer["reason"], word), reference: form.test(String(answer["reference"])) ? String(answer["reference"]) : undefined }));
    s.facts.push({ key: "login.fit" });
    s.facts.push({ key: answer["revocation"] === "good" ? "login.revocation" : "login.unchecked" });
    this.end(s, "good");
  }

  /** Ends what has not ended. What was waited for remains: it may be what is wrong. */
  cancel(): void {
    for (const s of this.steps) {
      if (s.state !== "running") continue;
      const { progress } = s;
      this.end(s, "cancelled");
      s.progress = progress;
      this.changed(s);
    }
  }

  private options(signal: AbortSignal): Options {
    const { lang, ports, wss, installUrl, helpUrl } = this.settings;
    return { signal, lang, ports, wss, installUrl, helpUrl };
  }

  private begin(name: StepName): Result {
    const s = this.step(name);
    Object.assign(s, { state: "running", ms: undefined, error: undefined, facts: [], progress: undefined });
    this.begun = performance.now();
    this.changed(s);
    return s;
  }

  private end(s: Result, state: StepState, ...facts: Fact[]): void {
    // What was not done took no time of its own.
    if (state !== "not_applicable") s.ms ??= Math.round(performance.now() - this.begun);
    s.state = state;
    s.progress = undefined;
    s.facts.push(...facts);
    this.changed(s);
  }

  private fail(s: Result, error: Failure): void {
    s.error = error;
    this.end(s, cancels.test(error.reason) ? "cancelled" : "failed");
  }

  private reset(s: Result): void {
    Object.assign(s, { state: "pending", ms: undefined, error: undefined, facts: [], progress: undefined });
    this.changed(s);
  }
}

/** The form of a reference. */
export const form = /^[A-Z\d]{6}$/;

/** What reasons and details are made of. */
export const word = /^[a-z_]{1,40}$/;

/** A value from outside, or "?" where it has not the form that a code has. A text to hand on holds nothing else. */
export const code = (v: unknown, form: RegExp): string => (typeof v === "string" && form.test(v) ? v : "?");

const known = (e: unknown): CpxError => (e instanceof CpxError ? e : new CpxError("unknown", {}, String(e)));

function date(v: unknown): Date | undefined {
  const d = new Date(typeof v === "string" ? v : NaN);
  return isNaN(d.getTime()) ? undefined : d;
}
