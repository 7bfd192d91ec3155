// Generated from js/src by go run ./js/build; do not edit. SPDX-License-Identifier: Apache-2.0
// Types of cpx-bridge.mjs and of the plain script cpx-bridge.js. The build
// checks them against the implementation.
export as namespace CPxBridge;

/** The ports to search for an agent. */
export interface Ports {
  first: number;
  /** 1 to 100: a terminal server has one agent for each person logged in. */
  count: number;
}

/** The progress of a login. */
export type Progress =
  /** The page searches for the agent. */
  | "searching"
  /** The browser may ask its question next: announce it to the person. */
  | "permission-prompt"
  /** The browser waits for an answer to its question. */
  | "waiting-for-permission"
  /** Still no answer: the question is open, or nothing answers at all. */
  | "permission-overdue"
  /** The agent has the request and is silent: most often another login's window stands. */
  | "waiting-for-agent"
  /** From here on reported by the agent. */
  | "waiting-for-consent"
  | "waiting-for-card"
  | "choosing-certificate"
  | "waiting-for-pin"
  | "signing";

/** Why a call failed. API.md describes each. */
export type Reason =
  // of the page
  | "no_agent"
  | "agent_too_old"
  | "page_too_old"
  | "agent_lost"
  | "permission_denied"
  | "permission_dismissed"
  | "permission_pending"
  | "policy_blocked"
  | "csp_blocked"
  | "insecure_context"
  | "challenge_failed"
  | "challenge_expired"
  | "login_refused"
  | "aborted"
  | "invalid_params"
  | "protocol_error"
  // of the agent
  | "cancelled"
  | "consent_denied"
  | "timeout"
  | "busy"
  | "no_reader"
  | "no_card"
  | "card_unsupported"
  | "card_removed"
  | "no_certificate"
  | "card_changed"
  | "pin_locked"
  | "pin_incorrect"
  | "pin_not_set"
  | "module_failed"
  | "no_module"
  | "prompt_failed"
  | "internal";

export interface Options {
  /** Ends the call, and closes the agent's dialogs. */
  signal?: AbortSignal | undefined;
  /** The language of the agent's dialogs; by default the page's. */
  lang?: string | undefined;
  /** By default 27720 and 10. */
  ports?: Ports | undefined;
  /** The ports of the agents' encrypted sockets, for Safari; by default 27820 and 10. */
  wss?: Ports | undefined;
  /** Where it returns a promise at "permission-prompt", the browser's question waits for that, 3 s at most. */
  onProgress?: ((state: Progress) => unknown) | undefined;
  /** Is given each address where an agent was looked for, once the search has ended: for a diagnosis. */
  onAttempts?: ((attempts: Attempt[]) => unknown) | undefined;
  /** Where a person gets the agent; repeated in the error, and among sentence()'s links. */
  installUrl?: string | undefined;
  /** The portal's help with logging in by card; likewise, with the reason as the address's fragment where it has none. */
  helpUrl?: string | undefined;
}

/** One address where an agent was looked for. */
export interface Attempt {
  url: string;
  /** What answered: "mute" opened and gave no agent's answer, "pending" had not ended with the search, "failed" is a refusal, or a program of another kind. */
  outcome: "agent" | "agent_too_old" | "page_too_old" | "mute" | "pending" | "failed" | "blocked";
  ms: number;
}

export interface AuthenticateOptions extends Options {
  /** Where to fetch the challenge, once the agent has answered; by default "/auth/challenge". */
  challengeUrl?: string | undefined;
  /** How the challenge is fetched: "GET", or "POST" where the portal wants its own token against requests of other sites for it; by default "GET". */
  challengeMethod?: "GET" | "POST" | undefined;
  /** Where to post the token; without it the token itself is the result. */
  loginUrl?: string | undefined;
  /** Sent with challenge and login, such as the portal's own token against requests of other sites; a function is called for each. */
  headers?: Record<string, string> | (() => Record<string, string>) | undefined;
  /** A challenge that the page already has, instead of fetching one: only where the browser has granted its permission already. */
  nonce?: string | undefined;
}

/** A Web eID authentication token. */
export interface Token {
  format: string;
  unverifiedCertificate: string;
  algorithm: string;
  signature: string;
  appVersion: string;
}

/** What the agent says about itself; to an origin not yet allowed, only the protocol version. */
export interface Status {
  protocol: number;
  agent?: { name: string; version: string };
  readers?: number;
  card?: "present" | "absent" | "unknown";
}

/** The data of an error, beyond its reason. */
export interface ErrorData {
  code?: number | undefined;
  detail?: string | undefined;
  triesLeft?: number | undefined;
  retryAfter?: number | undefined;
  problemDetail?: string | undefined;
  reference?: string | undefined;
  installUrl?: string | undefined;
  helpUrl?: string | undefined;
}

/** Every failure of this library. reason is stable; message is for logs only. */
export declare class CpxError extends Error {
  /** A Reason; a newer agent may know others. */
  readonly reason: Reason | (string & {});
  /** The agent's code, or the portal's HTTP status. */
  readonly code: number | undefined;
  /** More of the reason, such as "expired" for no_certificate. */
  readonly detail: string | undefined;
  /** PIN tries, where known. */
  readonly triesLeft: number | undefined;
  /** Seconds. */
  readonly retryAfter: number | undefined;
  /** The portal's own explanation (RFC 9457, "detail"). */
  readonly problemDetail: string | undefined;
  /** Six characters that a person reads out to a hotline: they stand in the log of the agent, or of the portal that refused. */
  readonly reference: string | undefined;
  /** The option of that name. */
  readonly installUrl: string | undefined;
  /** The option of that name. */
  readonly helpUrl: string | undefined;
  constructor(reason: Reason | (string & {}), data?: ErrorData, message?: string);
}

/** What happened and what to do. */
export interface Sentence {
  title: string;
  help: string;
  /** The causes to check, where there are several: the most likely first. */
  list: readonly string[];
  /** Where to get the agent, and help, where those help and their addresses were given. */
  links: readonly Link[];
  /** The line with the failure's reference, "" where there is none or nothing failed. */
  reference: string;
}

/** A link for a person. */
export interface Link {
  href: string;
  text: string;
}

/** Logs in by card and returns the portal's JSON answer. Call it from the click. */
export declare function authenticate<T = Record<string, unknown>>(
  options: AuthenticateOptions & { loginUrl: string },
): Promise<T>;
/** Returns the token only. */
export declare function authenticate(options?: AuthenticateOptions & { loginUrl?: undefined }): Promise<Token>;

/** What the agent says about itself; to an origin not yet allowed, only the protocol version. */
export declare function status(options?: Options): Promise<Status>;

/** Watches the card of an earlier login; onRemoved is called once. */
export declare function watch(
  certificate: string,
  onRemoved: (why: "removed" | "agent_lost") => void,
  options?: Options,
): Promise<{ present: boolean; stop(): void }>;

/** The SHA-256 of the token's certificate in hex, as watch expects it. */
export declare function certificateOf(token: Token): Promise<string>;

/** What happened and what to do, in French for "fr…", else in English. Never rejects. */
export declare function sentence(error: unknown, lang?: string): Promise<Sentence>;

/** What a person reads during a login. Never rejects; "" for a state without text. */
export declare function progressText(state: Progress | "done", lang?: string): Promise<string>;
