import type { Sentence } from "./cpx-bridge.mjs";
import { code, form, type Result, word } from "./selftest-run";
import { fill, type Texts } from "./selftest-texts";

declare const LIBRARY_VERSION: string;

/** What a copied text may hold of a failure: codes and numbers, of their own form alone. */
function cause({ error, progress }: Result): string {
  if (!error) return progress ?? "";
  const parts = [code(error.reason, word)];
  if (error.detail !== undefined) parts[0] += "." + code(error.detail, word);
  if (typeof error.code === "number") parts.push(String(error.code));
  if (typeof error.triesLeft === "number") parts.push(`triesLeft ${error.triesLeft}`);
  if (typeof error.retryAfter === "number") parts.push(`retryAfter ${error.retryAfter}`);
  if (error.reference && form.test(error.reference)) parts.push(error.reference);
  return parts.join(", ");
}

export const time = (ms: number | undefined): string =>
  ms === undefined ? "" : ms < 1000 ? `${ms}\u00a0ms` : `${(ms / 1000).toFixed(1)}\u00a0s`;

/** The day and the time here, and how far that is from UTC: a log may have either. */
function stamp(at: Date): string {
  const local = new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 19).replace("T", " ");
  return `${local} (${at.toISOString().slice(11, 19)} UTC)`;
}

/**
 * What a person hands on to a hotline. It is made of our own texts, of codes, numbers and dates: neither the page's
 * address beyond its origin, nor any text of portal, agent or card is in it.
 */
export function report(steps: readonly Result[], said: ReadonlyMap<Result, Sentence>, t: Texts, lang: string | undefined, at: Date): string {
  const lines = [
    t["report.title"],
    t["report.date"] + t.colon + stamp(at),
    t["report.site"] + t.colon + location.origin,
    t["report.browser"] + t.colon + navigator.userAgent,
    t["report.library"] + t.colon + LIBRARY_VERSION,
  ];
  steps.forEach((s, i) => {
    const took = time(s.ms);
    const why = cause(s);
    lines.push(`${i + 1}. ${t[`step.${s.name}`]}${t.colon}${t[`state.${s.state}`]}${took && ` (${took})`}${why && ` [${why}]`}`);
    const title = said.get(s)?.title;
    if (title) lines.push(`   ${title}`);
    for (const f of s.facts) lines.push(`   ${fill(t[f.key], f.values, lang)}`);
  });
  return lines.join("\n");
}
