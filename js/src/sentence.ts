import type { Link, Progress, Sentence } from "./cpx-bridge.mjs";
import { CpxError } from "./errors";
import { type Language, language, wanted } from "./language";

/** What happened and what to do, for a person. Never rejects. */
export async function sentence(error: unknown, lang?: string): Promise<Sentence> {
  const e = error instanceof CpxError ? error : new CpxError("unknown", {}, String(error));
  let l: Language;
  try {
    l = await language(lang);
  } catch {
    // The site no longer answers, or has others since the page was opened.
    return wanted(lang).startsWith("fr")
      ? { title: "L’identification n’a pas abouti.", help: "Rechargez la page, puis recommencez.", list: [], links: [], reference: "" }
      : { title: "The login did not succeed.", help: "Reload the page, then try again.", list: [], links: [], reference: "" };
  }
  const { texts } = l;
  const [title, help, ...list] = texts[key(e, texts)]!;
  // The portal's own text, where this library has none.
  const own = e.reason === "login_refused" && e.problemDetail && !texts[`login_refused.${e.detail}`];
  const { install, help: more, reference } = l.words;
  const links = [mends.test(e.reason) && e.detail !== "handheld" && link(install, e.installUrl), helps.test(e.reason) && link(more, e.helpUrl, e.reason)];
  return {
    title,
    help: own ? e.problemDetail! : fill(help, e),
    list,
    links: links.filter((x) => x) as Link[],
    reference: e.reference && !ended.test(e.reason) ? reference + e.reference : "",
  };
}

/** What a person reads during a login. Never rejects. */
export const progressText = (state: Progress | "done", lang?: string): Promise<string> =>
  language(lang).then(
    ({ progress }) => (Object.hasOwn(progress, state) ? progress[state]! : ""),
    () => "",
  );

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
