import type { Progress, Sentence } from "./cpx-bridge.mjs";
import { CpxError } from "./errors";
import { type Language, language } from "./language";

/** What happened and what to do, for a person. Never rejects. */
export async function sentence(error: unknown, lang?: string): Promise<Sentence> {
  const e = error instanceof CpxError ? error : new CpxError("unknown", {}, String(error));
  let l: Language;
  try {
    l = await language(lang);
  } catch {
    return { title: e.message, help: "", list: [], link: undefined };
  }
  const { texts } = l;
  const [title, help, ...list] = texts[key(e, texts)]!;
  // The portal's own text, where this library has none.
  const own = e.reason === "login_refused" && e.problemDetail && !texts[`login_refused.${e.detail}`];
  const href = mends.has(e.reason) && link(e.installUrl);
  return {
    title,
    help: own ? e.problemDetail! : fill(help, e),
    list,
    link: href ? { href, text: l.words.install } : undefined,
  };
}

/** What a person reads during a login. Never rejects. */
export const progressText = (state: Progress | "done", lang?: string): Promise<string> =>
  language(lang).then(
    ({ progress }) => (Object.hasOwn(progress, state) ? progress[state]! : ""),
    () => "",
  );

/** The reasons that another agent, or a newer one, would remedy. */
const mends = new Set(["no_agent", "agent_too_old"]);

function link(url: string | undefined): string | undefined {
  if (!url || !URL.canParse(url, location.href)) return;
  const { protocol, href } = new URL(url, location.href);
  return /^https?:$/.test(protocol) ? href : undefined;
}

function key(e: CpxError, texts: Language["texts"]): string {
  const tries = e.triesLeft === undefined ? undefined : e.triesLeft === 1 ? "one" : "some";
  const pause = e.retryAfter === undefined ? undefined : "pause";
  for (const detail of [e.detail, tries, pause]) {
    const k = `${e.reason}.${detail}`;
    if (detail !== undefined && Object.hasOwn(texts, k)) return k;
  }
  return Object.hasOwn(texts, e.reason) ? e.reason : "unknown";
}

const fill = (s: string, e: CpxError): string =>
  s.replace("{triesLeft}", String(e.triesLeft)).replace("{retryAfter}", span(e.retryAfter ?? 0));

/** How long to wait, in the units that a person thinks in; both languages write them so. */
const span = (seconds: number): string => (seconds < 120 ? `${seconds}\u00a0s` : `${Math.ceil(seconds / 60)}\u00a0min`);
