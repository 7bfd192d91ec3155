import { CpxError } from "./errors";

export interface Sentence {
  title: string;
  help: string;
}

/** Two sentences for each "reason" and "reason.detail". */
export type Texts = Record<string, readonly [title: string, help: string]>;

/** What happened and what to do, for a person. Never rejects. */
export async function sentence(error: unknown, lang?: string): Promise<Sentence> {
  const e = error instanceof CpxError ? error : new CpxError("unknown", {}, String(error));
  const wanted = (lang ?? (document.documentElement.lang || navigator.language)).toLowerCase();
  let texts: Texts;
  try {
    texts = (await (wanted.startsWith("fr") ? import("./lang-fr.mjs") : import("./lang-en.mjs"))).texts;
  } catch {
    return { title: e.message, help: "" };
  }
  const [title, help] = texts[key(e, texts)]!;
  // A portal's own words, where this library has none.
  const own = e.reason === "login_refused" && e.problemDetail && !texts[`login_refused.${e.detail}`];
  return { title, help: own ? e.problemDetail! : fill(help, e) };
}

function key(e: CpxError, texts: Texts): string {
  const tries = e.triesLeft === undefined ? undefined : e.triesLeft === 1 ? "one" : "some";
  const pause = e.retryAfter === undefined ? undefined : "pause";
  for (const detail of [e.detail, tries, pause]) {
    const k = `${e.reason}.${detail}`;
    if (detail !== undefined && Object.hasOwn(texts, k)) return k;
  }
  return Object.hasOwn(texts, e.reason) ? e.reason : "unknown";
}

const fill = (s: string, e: CpxError): string =>
  s.replace("{triesLeft}", String(e.triesLeft)).replace("{retryAfter}", String(e.retryAfter));
