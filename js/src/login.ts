import { abortable, aborted, count, CpxError, members, text } from "./errors";
import type { AuthenticateOptions, Options, Status, Token } from "./cpx-bridge.mjs";
import { connect } from "./find";
import { wanted } from "./language";

const expired = new Set(["nonce_expired", "challenge_expired", "nonce_unknown"]);

/** Same-origin requests that no cache answers; a lost network is told as given. */
async function request(url: string, init: RequestInit, signal: AbortSignal | undefined, reason: string): Promise<Response> {
  try {
    return await fetch(url, { ...init, credentials: "same-origin", cache: "no-store", signal: signal ?? null });
  } catch {
    throw signal?.aborted ? aborted() : new CpxError(reason, { detail: "unreachable" });
  }
}

async function body(response: Response): Promise<Record<string, unknown>> {
  try {
    return members(await response.json());
  } catch {
    return {};
  }
}

async function challenge(url: string, signal: AbortSignal | undefined): Promise<string> {
  const response = await request(url, { headers: { accept: "application/json" } }, signal, "challenge_failed");
  const nonce = response.ok ? text((await body(response))["nonce"]) : undefined;
  if (signal?.aborted) throw aborted();
  if (!nonce) throw new CpxError("challenge_failed", { code: response.status, retryAfter: pause(response) });
  return nonce;
}

const pause = (r: Response): number | undefined => count(parseInt(r.headers.get("retry-after") ?? "", 10));

async function send(url: string, token: unknown, signal: AbortSignal | undefined): Promise<unknown> {
  const response = await request(
    url,
    {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json, application/problem+json" },
      body: JSON.stringify({ "auth-token": token }),
    },
    signal,
    "login_refused",
  );
  const answer = await body(response);
  if (signal?.aborted) throw aborted();
  if (response.ok) return answer;
  const detail = text(answer["reason"]);
  throw new CpxError(expired.has(detail ?? "") ? "challenge_expired" : "login_refused", {
    code: response.status,
    detail: detail ?? (response.status === 429 ? "too_many_requests" : undefined),
    problemDetail: text(answer["detail"]),
    retryAfter: pause(response),
  });
}

/** Gives the failures of p where the agent is had from. */
const helped = <T>(p: Promise<T>, { installUrl }: Options): Promise<T> =>
  p.catch((e: unknown) => {
    if (e instanceof CpxError) e.installUrl = installUrl;
    throw e;
  });

/**
 * Logs in by card. The challenge is fetched only once the agent has answered:
 * the browser's prompt may stand for minutes, and a nonce lives five.
 */
export function authenticate<T = Record<string, unknown>>(o: AuthenticateOptions & { loginUrl: string }): Promise<T>;
export function authenticate(o?: AuthenticateOptions & { loginUrl?: undefined }): Promise<Token>;
export function authenticate(o: AuthenticateOptions = {}): Promise<unknown> {
  return helped(login(o), o);
}

async function login(o: AuthenticateOptions): Promise<unknown> {
  const { signal } = o;
  if (signal?.aborted) throw aborted();
  const link = await connect(o);
  const challengeNonce = o.nonce ?? (await challenge(o.challengeUrl ?? "/auth/challenge", signal));
  const call = link.call("authenticate", { challengeNonce, lang: wanted(o.lang) }, (state) => {
    if (!signal?.aborted) o.onProgress?.(state);
  });
  const token = await abortable(call, signal, () => void link.call("cancel").catch(() => undefined));
  return o.loginUrl === undefined ? token : send(o.loginUrl, token, signal);
}

/** What the agent says of itself; an origin not yet allowed learns only the protocol. */
export function status(o: Options = {}): Promise<Status> {
  const asked = connect(o).then((link) => abortable(link.call("status") as Promise<Status>, o.signal));
  return helped(asked, o);
}

/** Watches the card of an earlier login: onRemoved is called once, when it leaves. */
export async function watch(
  certificate: string,
  onRemoved: (why: "removed" | "agent_lost") => void,
  o: Options = {},
): Promise<{ present: boolean; stop(): void }> {
  const link = await helped(connect(o), o);
  const stop = (): void => {
    link.removed.delete(removed);
    link.closed.delete(gone);
  };
  const removed = (): void => {
    stop();
    onRemoved("removed");
  };
  const gone = (): void => {
    stop();
    onRemoved("agent_lost");
  };
  // Listening begins before the answer: the card may leave in between.
  link.removed.add(removed);
  try {
    const answer = members(await abortable(link.call("watch", { certificate }), o.signal));
    if (link.open) link.closed.add(gone);
    else queueMicrotask(gone);
    return { present: answer["present"] === true, stop };
  } catch (e) {
    stop();
    throw e;
  }
}

/** The hex SHA-256 of the token's certificate, as watch takes it. */
export async function certificateOf(token: Token): Promise<string> {
  const der = Uint8Array.from(atob(token.unverifiedCertificate), (c) => c.charCodeAt(0));
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", der));
  return Array.from(hash, (b) => b.toString(16).padStart(2, "0")).join("");
}
