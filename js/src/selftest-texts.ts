import type { StepName, StepState } from "./selftest.mjs";
import { wanted } from "./language";

/** The texts of a self-test that have no name of their own elsewhere. */
export type Key =
  | "colon" | "start" | "restart" | "cancel" | "intro"
  | `step.${StepName}` | `state.${StepState}`
  | "browser.good" | "browser.framed" | "browser.safari" | "browser.cookies"
  | "permission.good" | "permission.none"
  | "agent.good" | "agent.mute" | "agent.others" | "agent.silent"
  | "station.closed" | "station.agent" | "station.readers" | "station.present" | "station.unknown"
  | "login.offer" | "login.button" | "login.unreachable"
  | "login.valid" | "login.soon" | "login.early" | "login.expired" | "login.kind" | "login.fit" | "login.revocation" | "login.unchecked" | "login.clock"
  | "end.good" | "end.partial" | "end.failed" | "end.cancelled"
  | "reference" | "report" | "report.hint" | "report.title" | "report.date" | "report.site" | "report.browser" | "report.library" | "copy" | "copied" | "copy.manual";

export type Texts = Record<Key, string>;

/** Loads the texts, French for "fr…", else English. */
export const texts = (lang: string | undefined): Promise<Texts> =>
  (wanted(lang).startsWith("fr") ? import("./selftest-fr.mjs") : import("./selftest-en.mjs")).then((l) => l.texts);

/** A text with its values; a date is written as the language writes it, by this computer's calendar. */
export const fill = (text: string, values: Record<string, string | number | Date> = {}, lang?: string): string =>
  text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const v = Object.hasOwn(values, name) ? values[name]! : whole;
    return v instanceof Date ? new Intl.DateTimeFormat(wanted(lang).startsWith("fr") ? "fr" : "en-GB", { dateStyle: "long" }).format(v) : String(v);
  });
