// Types of cpx-bridge.mjs. The build checks them against the implementation.

/** The ports where an agent is looked for; 27720 and 10 unless told otherwise. */
export interface Ports {
  first: number;
  count: number;
}

/** "waiting-for-permission" is the browser's own prompt; the others are the agent's. */
export type Progress =
  | "waiting-for-permission"
  | "waiting-for-consent"
  | "waiting-for-card"
  | "choosing-certificate"
  | "waiting-for-pin"
  | "signing";

export interface Options {
  signal?: AbortSignal | undefined;
  /** The language of the agent's dialogs; the page's unless given. */
  lang?: string | undefined;
  ports?: Ports | undefined;
  onProgress?: ((state: Progress) => void) | undefined;
}

export interface AuthenticateOptions extends Options {
  /** Where the challenge is fetched, once the agent has answered; "/auth/challenge" unless given. */
  challengeUrl?: string | undefined;
  /** Where the token is posted; without it the token itself is the result. */
  loginUrl?: string | undefined;
  /** A challenge that the page already has, instead of fetching one. */
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

export interface Status {
  protocol: number;
  agent?: { name: string; version: string };
  readers?: number;
  card?: "present" | "absent" | "unknown";
}

/** Every failure of this library. reason is stable; message is for logs only. */
export declare class CpxError extends Error {
  /** The agent's code, or the portal's HTTP status. */
  readonly code: number | undefined;
  readonly reason: string;
  readonly detail: string | undefined;
  readonly triesLeft: number | undefined;
  /** Seconds. */
  readonly retryAfter: number | undefined;
  /** The portal's own explanation (RFC 9457, "detail"). */
  readonly problemDetail: string | undefined;
  constructor(
    reason: string,
    data?: {
      code?: number | undefined;
      detail?: string | undefined;
      triesLeft?: number | undefined;
      retryAfter?: number | undefined;
      problemDetail?: string | undefined;
    },
    message?: string,
  );
}

/** Logs in by card: the portal's JSON answer. Call it from the click. */
export declare function authenticate<T = Record<string, unknown>>(
  options: AuthenticateOptions & { loginUrl: string },
): Promise<T>;
/** Asks for a token only. */
export declare function authenticate(options?: AuthenticateOptions & { loginUrl?: undefined }): Promise<Token>;

/** What the agent says of itself; an origin not yet allowed learns only the protocol. */
export declare function status(options?: Options): Promise<Status>;

/** Watches the card of an earlier login; onRemoved is called once. */
export declare function watch(
  certificate: string,
  onRemoved: (why: "removed" | "agent_lost") => void,
  options?: Options,
): Promise<{ present: boolean; stop(): void }>;

/** The hex SHA-256 of the token's certificate, as watch takes it. */
export declare function certificateOf(token: Token): Promise<string>;

/** What happened and what to do, in French for "fr…", else in English. Never rejects. */
export declare function sentence(error: unknown, lang?: string): Promise<{ title: string; help: string }>;
