// Replaces the Web eID browser extension on a page that uses the official page
// library web-eid.js: it answers that library's messages with the agent's help. A
// plain script:
//   <script src="/static/cpx-bridge/web-eid-compat.js"></script>
// data-ports-first and data-ports-count say where the agents listen.
import type * as library from "./cpx-bridge.mjs";

interface Request {
  action: string;
  libraryVersion?: string;
  challengeNonce?: unknown;
  options?: { lang?: string; userInteractionTimeout?: number };
}
interface Failure {
  code: string;
  message: string;
  [more: string]: unknown;
}

/** How long the real extension, where there is one, has to acknowledge first, in ms. */
const firstRefusal = 100;
/** How long a status may take, in ms: the page library gives up on one after 6 s, and would never hear why. */
const statusTime = 5000;
const loginTime = 120_000;
const actions = /^web-eid:(status|authenticate|get-signing-certificate|sign)$/;
const running = new Set<string>();
const { portsFirst, portsCount } = (document.currentScript as HTMLScriptElement | null)?.dataset ?? {};
const ports = portsFirst ? { first: Number(portsFirst), count: Number(portsCount ?? 10) } : undefined;
let extension = false;
let mine = false;

const load = (): Promise<typeof library> => import("./cpx-bridge.mjs");
const post = (message: object): void => {
  mine = true; // our own message also arrives at the listener below, later
  window.postMessage(message, location.origin);
};

addEventListener("message", ({ source, data }: MessageEvent<Partial<Request> | null>) => {
  // Answer only the page itself, no frame and no opener.
  const action = data?.action;
  if (source !== window || typeof action !== "string") return;
  if (/^web-eid:.*-ack$/.test(action) && !mine) extension = true;
  if (actions.test(action)) void answer(data as Request);
});

async function answer(request: Request): Promise<void> {
  const { action } = request;
  if (!mine) await new Promise((r) => setTimeout(r, firstRefusal));
  if (extension) return;
  post({ action: `${action}-ack` });
  if (running.has(action)) {
    // Answers carry the action alone: the running status answers this one too.
    if (action !== "web-eid:status") fail(action, { code: "ACTION_PENDING", message: "another request of this kind is running" });
    return;
  }
  running.add(action);
  try {
    // The action comes last, so that the agent's answer cannot replace it.
    post({ ...(await act(request)), action: `${action}-success` });
  } catch (e) {
    fail(action, isFailure(e) ? e : await explained(e, request.options?.lang));
  } finally {
    running.delete(action);
  }
}

function fail(action: string, { code, ...more }: Failure): void {
  post({ action: `${action}-failure`, error: { code: `ERR_WEBEID_${code}`, ...more } });
}

const isFailure = (e: unknown): e is Failure => e instanceof Object && !(e instanceof Error) && "code" in e;

async function act(r: Request): Promise<object> {
  if (r.action === "web-eid:status") return versions(r);
  if (r.action === "web-eid:authenticate") return authenticate(r);
  throw { code: "UNKNOWN_ERROR", message: "CPx Bridge logs in by card; it does not sign documents", unsupported: true } as Failure;
}

/**
 * Claims the versions that the page asks for. web-eid.js compares them with its own and
 * fails where one is older, which our agent's would be: they count something else.
 */
async function versions({ libraryVersion = "0.0.0" }: Request): Promise<object> {
  const lib = await load();
  await limited(lib, statusTime, "no_agent", (o) => lib.status(o));
  return { library: libraryVersion, extension: libraryVersion, nativeApp: libraryVersion };
}

async function authenticate({ challengeNonce, options }: Request): Promise<object> {
  if (typeof challengeNonce !== "string" || !challengeNonce) {
    throw { code: "MISSING_PARAMETER", message: "authenticate needs a challengeNonce" } as Failure;
  }
  const lib = await load();
  return limited(lib, options?.userInteractionTimeout ?? loginTime, "aborted", (o) => lib.authenticate({ ...o, nonce: challengeNonce, lang: options?.lang }));
}

/** Calls the library for so many ms. Where the time is up, the reason is the one given, or that the browser's own question stands. */
async function limited<T>(lib: typeof library, ms: number, reason: string, call: (o: library.Options) => Promise<T>): Promise<T> {
  let state: library.Progress | undefined;
  try {
    return await call({ ports, signal: AbortSignal.timeout(ms), onProgress: (s) => void (state = s) });
  } catch (e) {
    if (!(e instanceof lib.CpxError) || e.reason !== "aborted") throw e;
    throw new lib.CpxError(state?.includes("permission") ? "permission_pending" : reason);
  }
}

const user = "USER_CANCELLED";
const unavailable = "NATIVE_UNAVAILABLE";
const codes: Record<string, string> = {
  cancelled: user,
  consent_denied: user,
  timeout: "USER_TIMEOUT",
  aborted: "USER_TIMEOUT", // by the time limit above: nothing else aborts
  permission_pending: "USER_TIMEOUT",
  busy: "ACTION_PENDING",
  insecure_context: "CONTEXT_INSECURE",
  invalid_params: "NATIVE_INVALID_ARGUMENT",
  no_agent: unavailable,
  agent_lost: unavailable,
  permission_denied: unavailable,
  permission_dismissed: unavailable,
  policy_blocked: unavailable,
  csp_blocked: unavailable,
  agent_too_old: "VERSION_MISMATCH",
  page_too_old: "VERSION_MISMATCH",
};

/** Makes a failure whose message is the sentence for people, because sites show it. */
async function explained(e: unknown, lang: string | undefined): Promise<Failure> {
  const lib = await load().catch(() => undefined);
  if (!lib || !(e instanceof lib.CpxError)) return { code: "UNKNOWN_ERROR", message: String(e) };
  const { title, help, list, reference } = await lib.sentence(e, lang);
  // All others are failures of the card or its software, as the native program reports them.
  const code = (Object.hasOwn(codes, e.reason) && codes[e.reason]) || "NATIVE_FATAL";
  const old = e.reason === "agent_too_old";
  return {
    code,
    message: [title, help, ...list, reference].filter((x) => x).join(" "),
    reason: e.reason,
    ...(e.reference && { reference: e.reference }),
    ...(code === "VERSION_MISMATCH" && { requiresUpdate: { extension: !old, nativeApp: old } }),
  };
}
