// Types of button.mjs, which defines the element <cpx-login>.
import type { CpxError, Progress } from "./cpx-bridge.mjs";

/** What the element's attribute "state" says. */
export type LoginState = "idle" | Progress | "done" | "error";

/** The element <cpx-login>. */
export declare class CpxLogin extends HTMLElement {
  /** Where the login stands; also the attribute of that name. */
  readonly state: LoginState;
  /** Why the last login failed. */
  readonly error: CpxError | undefined;
  /** Begins a login, as the click does; nothing while one runs. Settles when it has ended, and never rejects. */
  login(): Promise<void>;
  /** Ends the login that runs. */
  cancel(): void;
  /** Back to the beginning: for a page that lives on after the login. */
  reset(): void;
}

declare global {
  interface HTMLElementTagNameMap {
    "cpx-login": CpxLogin;
  }
  interface HTMLElementEventMap {
    /** The state has changed. */
    "cpx-progress": CustomEvent<{ state: LoginState }>;
    /** The portal's answer, or the token where there is no login-url. Cancel it to go elsewhere than to its "next". */
    "cpx-success": CustomEvent<Record<string, unknown>>;
    /** A login failed; not for one that was cancelled on the page. */
    "cpx-error": CustomEvent<CpxError>;
  }
}
