// What the language files have in common: it is in each of them, because a page loads one.
import type { CpxError, Link, Sentence } from "./cpx-bridge.mjs";
import type { Language } from "./language";

/** The sentence for an error in a language. */
export function sentenceOf(e: CpxError, { texts, words }: Pick<Language, "texts" | "words">): Sentence {
  const [title, help, ...list] = texts[key(e, texts)]!;
  // The portal's own text, where this library has none.
  const own = e.reason === "login_refused" && e.problemDetail && !texts[`login_refused.${e.detail}`];
  const links = [mends.test(e.reason) && e.detail !== "handheld" && link(words.install, e.installUrl), helps.test(e.reason) && link(words.help, e.helpUrl, e.reason)];
  return {
    title,
    help: own ? e.problemDetail! : fill(help, e),
    list,
    links: links.filter((x) => x) as Link[],
    reference: e.reference && !ended.test(e.reason) ? words.reference + e.reference : "",
  };
}

/** What a person ended themselves: nobody calls a hotline about that. */
const ended = /^(cancelled|consent_denied|aborted)$/;
/** The reasons that another agent, or a newer one, would remedy. */
const mends = /^(no_agent|agent_too_old)$/;
/** Those whose remedy is longer than a sentence: the steps stand in the portal's help, each under the reason's name. */
const helps = /^(no_agent|agent_lost|permission_(denied|dismissed|pending))$/;

function link(text: string, address: string | undefined, part = ""): Link | undefined {
  if (!address || !URL.canParse(address, location.href)) return;
  const url = new URL(address, location.href);
  url.hash ||= part;
  return /^https?:$/.test(url.protocol) ? { href: url.href, text } : undefined;
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
