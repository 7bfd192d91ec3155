// Compiled by the type check only: the exports must match the declarations in
// cpx-bridge.d.mts and button.d.mts.
import type * as declaredSelfTest from "./selftest.mjs";
import * as actualSelfTest from "./selftest";
import type * as declaredButton from "./button.mjs";
import * as actualButton from "./button";
import type * as declared from "./cpx-bridge.mjs";
import * as actual from "./index";

type Names<A, B> = Exclude<keyof A, keyof B>;
type Nothing<T extends never> = T;
export type Undeclared = Nothing<Names<typeof actual, typeof declared>>;
export type Missing = Nothing<Names<typeof declared, typeof actual>>;

export const CpxError: typeof declared.CpxError = actual.CpxError;
export const sentence: typeof declared.sentence = actual.sentence;
export const watch: typeof declared.watch = actual.watch;
export const certificateOf: typeof declared.certificateOf = actual.certificateOf;
export const status: typeof declared.status = actual.status;
export const authenticate: typeof declared.authenticate = actual.authenticate;
export const progressText: typeof declared.progressText = actual.progressText;
export const sameError = (e: declared.CpxError): actual.CpxError => e;

export type UndeclaredOfTheButton = Nothing<Names<typeof actualButton, typeof declaredButton>>;
export const CpxLogin: typeof declaredButton.CpxLogin = actualButton.CpxLogin;
export type MissingOfTheElement = Nothing<Names<actualButton.CpxLogin, declaredButton.CpxLogin & Callbacks>>;
type Callbacks = Record<"connectedCallback" | "disconnectedCallback", unknown>;

export type UndeclaredOfTheSelfTest = Nothing<Names<typeof actualSelfTest, typeof declaredSelfTest>>;
export const CpxSelfTest: typeof declaredSelfTest.CpxSelfTest = actualSelfTest.CpxSelfTest;
export type MissingOfTheSelfTest = Nothing<Names<actualSelfTest.CpxSelfTest, declaredSelfTest.CpxSelfTest & Callbacks>>;
