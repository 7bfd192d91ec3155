// Generated from js/src by go run ./js/build; do not edit. SPDX-License-Identifier: Apache-2.0
// Types of button.mjs, which defines the element <cpx-login>.
import type { CpxError, Progress } from "./cpx-bridge.mjs";

/** The values of the element's attribute "state". */
export type LoginState = "idle" | Progress | "done" | "cancelled" | "error";

/** The element <cpx-login>. */
export declare class CpxLogin extends HTMLElement {
  /** The state of the login; also the attribute of that name. */
  readonly state: LoginState;
  /** Why the last login failed, or was cancelled. */
  readonly error: CpxError | undefined;
  /** Begins a login, as a click does; does nothing during one. Settles when the login has ended, and never rejects. */
  login(): Promise<void>;
  /** Ends the login in progress. */
  cancel(): void;
  /** Returns to the beginning, for a page that stays after the login. */
  reset(): void;
}

declare global {
  interface HTMLElementTagNameMap {
    "cpx-login": CpxLogin;
  }
  interface HTMLElementEventMap {
    /** The state has changed. */
    "cpx-progress": CustomEvent<{ state: LoginState }>;
    /** The portal's answer, or the token where there is no login-url. Cancel it to prevent going to the answer's "next". */
    "cpx-success": CustomEvent<Record<string, unknown>>;
    /** A login has failed; not sent for one that the person cancelled, wherever. */
    "cpx-error": CustomEvent<CpxError>;
  }
}
