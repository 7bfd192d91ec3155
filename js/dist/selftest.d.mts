// Generated from js/src by go run ./js/build; do not edit. SPDX-License-Identifier: Apache-2.0
// Types of selftest.mjs, which defines the element <cpx-selftest>.
import type { CpxError } from "./cpx-bridge.mjs";

/** The steps of a self-test, in their order; "login" only where the element has a report-url. */
export type StepName = "browser" | "permission" | "agent" | "station" | "login";

/** How far a step is. */
export type StepState = "pending" | "running" | "good" | "failed" | "cancelled" | "not_applicable";

/** A step of a self-test. */
export interface Step {
  readonly name: StepName;
  readonly state: StepState;
  /** How long it took. */
  readonly ms: number | undefined;
  /** Why it failed. */
  readonly error: CpxError | undefined;
}

/** The element <cpx-selftest>. */
export declare class CpxSelfTest extends HTMLElement {
  /** What the steps have come to. */
  readonly steps: readonly Step[];
  /** The text for a hotline; "" before a test. It holds nobody's name or identifier. */
  readonly report: string;
  /** Begins the test, as a click does; does nothing during one. Settles when it has ended, and never rejects. */
  test(): Promise<void>;
  /** Begins the trial login, as its click does, once an agent has answered. Never rejects. */
  login(): Promise<void>;
  /** Ends what runs. */
  cancel(): void;
}

declare global {
  interface HTMLElementTagNameMap {
    "cpx-selftest": CpxSelfTest;
  }
  interface HTMLElementEventMap {
    /** A step has changed. */
    "cpx-step": CustomEvent<Step>;
  }
}
