import type { ErrorData } from "./cpx-bridge.mjs";

/** Every failure of this library. reason is stable, message is for logs only. */
export class CpxError extends Error {
  declare readonly reason: string;
  declare readonly code: number | undefined;
  declare readonly detail: string | undefined;
  declare readonly triesLeft: number | undefined;
  declare readonly retryAfter: number | undefined;
  declare readonly problemDetail: string | undefined;
  declare readonly reference: string | undefined;
  declare readonly installUrl: string | undefined;
  declare readonly helpUrl: string | undefined;

  constructor(reason: string, data: ErrorData = {}, message = reason) {
    super(message);
    Object.assign(this, data, { name: "CpxError", reason });
  }
}

export const text = (v: unknown): string | undefined => (typeof v === "string" ? v : undefined);
export const count = (v: unknown): number | undefined => (typeof v === "number" && isFinite(v) ? v : undefined);
export const members = (v: unknown): Record<string, unknown> =>
  typeof v === "object" && v !== null ? (v as Record<string, unknown>) : {};

// JSON-RPC's own codes. An agent that does not know a method is older than
// this library.
const standard: Record<number, string> = { [-32601]: "agent_too_old", [-32602]: "invalid_params", [-32603]: "internal" };

/** The reference of a failure. It is shown, and any program may have answered: only what has its form is one. */
export const reference = (v: unknown): string | undefined => (/^[A-Z\d]{6}$/.test(text(v) ?? "") ? text(v) : undefined);

/** Makes our error from the agent's error object. */
export function fromWire(raw: unknown): CpxError {
  const e = members(raw);
  const data = members(e["data"]);
  const code = count(e["code"]);
  const reason = text(data["reason"]) ?? standard[code ?? 0] ?? "protocol_error";
  return new CpxError(
    reason,
    {
      code,
      detail: text(data["detail"]),
      triesLeft: count(data["triesLeft"]),
      retryAfter: count(data["retryAfter"]),
      reference: reference(data["reference"]),
    },
    text(e["message"]) ?? reason,
  );
}

export const aborted = (): CpxError => new CpxError("aborted");
export const lost = (): CpxError => new CpxError("agent_lost");

/** Calls a function of the page's. Its exception is reported as the page's own, and stops nothing here. */
export function safely<A extends unknown[]>(f: ((...args: A) => unknown) | undefined, ...args: A): unknown {
  try {
    return f?.(...args);
  } catch (e) {
    return reportError(e);
  }
}

/**
 * Settles as p does, or with "aborted" as soon as the signal aborts. The work
 * behind p goes on, unless onAbort ends it.
 */
export function abortable<T>(p: Promise<T>, signal: AbortSignal | undefined, onAbort?: () => void): Promise<T> {
  if (!signal) return p;
  return new Promise<T>((resolve, reject) => {
    const stop = (): void => {
      onAbort?.();
      reject(aborted());
    };
    if (signal.aborted) {
      p.catch(() => undefined);
      return stop();
    }
    signal.addEventListener("abort", stop, { once: true });
    p.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}
