import type { Progress, Sentence } from "./cpx-bridge.mjs";
import { CpxError } from "./errors";
import { language, wanted } from "./language";

/** What happened and what to do, for a person. Never rejects. What makes the sentence is in the language's file: a login that succeeds needs none. */
export async function sentence(error: unknown, lang?: string): Promise<Sentence> {
  const e = error instanceof CpxError ? error : new CpxError("unknown", {}, String(error));
  try {
    return (await language(lang)).sentence(e);
  } catch {
    // The site no longer answers, or has others since the page was opened.
    const [title, help] = wanted(lang).startsWith("fr")
      ? (["L’identification n’a pas abouti.", "Rechargez la page, puis recommencez."] as const)
      : (["The login did not succeed.", "Reload the page, then try again."] as const);
    return { title, help, list: [], links: [], reference: "" };
  }
}

/** What a person reads during a login. Never rejects. */
export const progressText = (state: Progress | "done", lang?: string): Promise<string> =>
  language(lang).then(
    ({ progress }) => (Object.hasOwn(progress, state) ? progress[state]! : ""),
    () => "",
  );
