import { abortable, aborted, count, CpxError, members, reference, safely, text } from "./errors";
import type { AuthenticateOptions, Options, Progress, Status, Token } from "./cpx-bridge.mjs";
import { connect } from "./find";
import { wanted } from "./language";
import type { Link } from "./rpc";

const expired = new Set(["nonce_expired", "challenge_expired", "nonce_unknown"]);

/** Requests within the page's own origin, past every cache; a network failure becomes the reason given. */
async function request(url: string, init: RequestInit, signal: AbortSignal | undefined, reason: string): Promise<Response> {
  try {
    return await fetch(url, { ...init, mode: "same-origin", cache: "no-store", signal: signal ?? null });
  } catch {
    throw signal?.aborted ? aborted() : new CpxError(reason, { detail: "unreachable" });
  }
}

/** The answer's object, empty where there is no body; undefined for anything else, such as a page for people. */
async function body(response: Response): Promise<Record<string, unknown> | undefined> {
  try {
    return members(JSON.parse((await response.text()) || "{}"));
  } catch {
    return;
  }
}

/** The page's own headers, and the library's, which stand before those of the same name. */
function merged({ headers }: AuthenticateOptions, ours: Record<string, string>): Headers {
  try {
    const all = new Headers(typeof headers === "function" ? headers() : headers);
    for (const [name, value] of Object.entries(ours)) all.set(name, value);
    return all;
  } catch (e) {
    throw new CpxError("invalid_params", {}, String(e));
  }
}

async function challenge(o: AuthenticateOptions): Promise<string> {
  const { challengeUrl = "/auth/challenge", challengeMethod = "GET", signal } = o;
  const init = { method: challengeMethod, headers: merged(o, { accept: "application/json" }) };
  const response = await request(challengeUrl, init, signal, "challenge_failed");
  const answer = await body(response);
  const nonce = response.ok ? text(answer?.["nonce"]) : undefined;
  if (signal?.aborted) throw aborted();
  if (!nonce) throw new CpxError("challenge_failed", { code: response.status, retryAfter: pause(response), reference: reference(answer?.["reference"]) });
  return nonce;
}

const pause = (r: Response): number | undefined => count(parseInt(r.headers.get("retry-after") ?? "", 10));

async function send(url: string, token: unknown, o: AuthenticateOptions): Promise<unknown> {
  const { signal } = o;
  const response = await request(
    url,
    {
      method: "POST",
      headers: merged(o, { "content-type": "application/json", accept: "application/json, application/problem+json" }),
      body: JSON.stringify({ "auth-token": token }),
      redirect: "manual", // mostly to a login page, whose status 200 would be taken for a login
    },
    signal,
    "login_refused",
  );
  const answer = await body(response);
  if (signal?.aborted) throw aborted();
  if (response.ok && answer) return answer;
  const { status } = response;
  const detail = status < 300 ? "unexpected_answer" : text(answer?.["reason"]);
  throw new CpxError(expired.has(detail ?? "") ? "challenge_expired" : "login_refused", {
    code: status || undefined, // a browser hides the status of a redirect
    detail: detail ?? (status === 429 ? "too_many_requests" : undefined),
    problemDetail: text(answer?.["detail"]),
    retryAfter: pause(response),
    reference: reference(answer?.["reference"]),
  });
}

const fields = ["format", "unverifiedCertificate", "algorithm", "signature", "appVersion"];

/** Any program may have answered: only what has a token's form goes on to page and portal. */
function checked(token: unknown): unknown {
  if (fields.every((name) => text(members(token)[name]) !== undefined)) return token;
  throw new CpxError("protocol_error");
}

/** Adds to failures of p where to get the agent, and help. It copies the error, because other callers may get the same one. */
const helped = <T>(p: Promise<T>, { installUrl, helpUrl }: Options): Promise<T> =>
  p.catch((e: unknown) => {
    throw e instanceof CpxError ? new CpxError(e.reason, { ...e, installUrl, helpUrl }, e.message) : e;
  });

/** An agent that has begun says so within this time. One that is at another login, or reads a slow card, does not. */
const silence = 2500;

/** How often a call is made anew where the agent closes its connection for another page's sake. */
const tries = 3;

/** Does something on a connection to the agent, and again on a new one where that was closed for another page's sake. */
async function connected<T>(o: Options, f: (link: Link) => Promise<T>): Promise<T> {
  for (let n = 1; ; n++) {
    const link = await connect(o);
    try {
      return await f(link);
    } catch (e) {
      if (!link.displaced || o.signal?.aborted || n === tries) throw e;
    }
  }
}

/**
 * Logs in by card. The challenge is fetched only once the agent has answered:
 * the browser's prompt may be open for minutes, and a nonce is valid for five.
 */
export function authenticate<T = Record<string, unknown>>(o: AuthenticateOptions & { loginUrl: string }): Promise<T>;
export function authenticate(o?: AuthenticateOptions & { loginUrl?: undefined }): Promise<Token>;
export function authenticate(o: AuthenticateOptions = {}): Promise<unknown> {
  return helped(login(o), o);
}

async function login(o: AuthenticateOptions): Promise<unknown> {
  const { signal } = o;
  let nonce = o.nonce;
  const token = await connected(o, async (link) => {
    const challengeNonce = (nonce ??= await challenge(o));
    // A login cancelled here ends a moment later: until then the agent would refuse this one as one too many.
    await abortable(Promise.resolve(link.ended), signal);
    const notify = (state: Progress): void => {
      clearTimeout(silent);
      if (!signal?.aborted) safely(o.onProgress, state);
    };
    // The agent itself tells no site that another login stands before it.
    const silent = setTimeout(notify, silence, "waiting-for-agent");
    const call = link.call("authenticate", { challengeNonce, lang: wanted(o.lang) }, notify);
    const answer = abortable(call, signal, () => {
      link.ended = call.catch(() => undefined);
      void link.call("cancel").catch(() => undefined);
    });
    return checked(await answer.finally(() => clearTimeout(silent)));
  });
  return o.loginUrl === undefined ? token : send(o.loginUrl, token, o);
}

/** What the agent says about itself; to an origin not yet allowed, only the protocol version. */
export function status(o: Options = {}): Promise<Status> {
  const asked = connected(o, (link) => abortable(link.call("status"), o.signal));
  return helped(asked.then((result) => members(result) as unknown as Status), o);
}

/** Before a card is watched again on a new connection: the first pause, which doubles, and the longest. */
const pauses = [1000, 60_000] as const;

/** Watches the card of an earlier login: onRemoved is called once, when it is removed. */
export async function watch(
  certificate: string,
  onRemoved: (why: "removed" | "agent_lost") => void,
  o: Options = {},
): Promise<{ present: boolean; stop(): void }> {
  let done = false;
  let leave = (): void => undefined;
  const stop = (): void => {
    done = true;
    leave();
  };
  const notify = (why: "removed" | "agent_lost"): void => {
    if (done) return;
    stop();
    safely(onRemoved, why);
  };
  const begin = (link: Link, next: number, signal?: AbortSignal): Promise<boolean> => {
    const removed = (): void => notify("removed");
    const gone = (): void => void (link.displaced ? again(next) : notify("agent_lost"));
    leave = () => {
      link.removed.delete(removed);
      link.closed.delete(gone);
    };
    // Listen before the answer: the card may be removed in between.
    link.removed.add(removed);
    return abortable(link.call("watch", { certificate }), signal).then((answer) => {
      if (!link.open) queueMicrotask(gone);
      else if (!done) link.closed.add(gone);
      else leave();
      return members(answer)["present"] === true;
    });
  };
  // Where an agent needs the place of a page that watches, too many do: none hurries back.
  const again = async (ms: number): Promise<void> => {
    leave();
    await new Promise((r) => setTimeout(r, ms));
    if (done) return;
    try {
      const present = await connected({ ...o, signal: undefined }, (link) => begin(link, Math.min(2 * ms, pauses[1])));
      if (!present) notify("removed"); // while nobody watched
    } catch {
      notify("agent_lost");
    }
  };
  try {
    return { present: await helped(connected(o, (link) => begin(link, pauses[0], o.signal)), o), stop };
  } catch (e) {
    stop();
    throw e;
  }
}

/** The SHA-256 of the token's certificate in hex, as watch expects it. */
export async function certificateOf(token: Token): Promise<string> {
  const der = Uint8Array.from(atob(token.unverifiedCertificate), (c) => c.charCodeAt(0));
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", der));
  return Array.from(hash, (b) => b.toString(16).padStart(2, "0")).join("");
}
