/** The browser's own permission to reach programs on this machine. */
export type Permission = "granted" | "denied" | "prompt" | "unknown";

const name = "loopback-network";

/** How long a browser may take to say what it would do, in ms. */
const answerTime = 1000;

/** A browser never asks for a page on this machine, or at an address of the local network. */
const near =
  /^(localhost|.*\.localhost|(127|10)(\.\d+){3}|192\.168(\.\d+){2}|172\.(1[6-9]|2\d|3[01])(\.\d+){2}|\[(::1|f[cde].*)\])$/;

/** Firefox's version, or 0: two of its peculiarities cannot be detected otherwise. */
export const firefox = Number(/ Firefox\/(\d+)/.exec(globalThis.navigator?.userAgent)?.[1] ?? 0);

/** Safari, and every browser on an iPhone or iPad: a page on https reaches no plain socket there. */
export const safari = (): boolean => navigator.vendor.startsWith("Apple");

/** A telephone or a tablet, on which there is no agent. An iPad identifies as a Mac. */
export const handheld = (): boolean => /Android|iPhone|iPad/.test(navigator.userAgent) || (safari() && navigator.maxTouchPoints > 1);

/** Set once a socket opened while the browser said that it would ask: then it asks nothing for this page, whatever it says. */
let passed = false;
export const pass = (): void => void (passed = true);

/** Whether a socket to this machine can lead to a question: Firefox asks from 154 on, but reports "prompt" before. */
const asks = (): boolean => !passed && !near.test(location.hostname) && !(firefox && firefox < 154);

/**
 * Asks for the state; "unknown" in browsers that do not know the name, and throw, or do not answer.
 * onChange is called until the signal aborts, because a browser retains listeners.
 */
export async function permission(onChange?: (state: Permission) => void, until?: AbortSignal): Promise<Permission> {
  try {
    const query = navigator.permissions.query({ name: name as PermissionName });
    // Without an answer in time there is no status, and what follows throws.
    const status = (await Promise.race([query, new Promise((r) => setTimeout(r, answerTime))])) as PermissionStatus;
    const now = (): Permission => (status.state === "prompt" && !asks() ? "unknown" : status.state);
    if (onChange && !until?.aborted) {
      status.onchange = () => onChange(now());
      until?.addEventListener("abort", () => (status.onchange = null));
    }
    return now();
  } catch {
    return "unknown";
  }
}

interface Policy {
  features(): string[];
  allowsFeature(name: string): boolean;
}

/** Whether a header, or the frame's missing attribute, forbids even asking. */
export function forbidden(): boolean {
  const d = document as { permissionsPolicy?: Policy; featurePolicy?: Policy };
  const p = d.permissionsPolicy ?? d.featurePolicy;
  return !!p?.features().includes(name) && !p.allowsFeature(name);
}

export const framed = (): boolean => window.top !== window;
