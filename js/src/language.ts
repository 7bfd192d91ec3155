import type { CpxError, Sentence } from "./cpx-bridge.mjs";

/** A sentence and its help; then the causes to look for, where there are several. */
export type Text = readonly [title: string, help: string, ...list: string[]];

/** What a language file holds. */
export interface Language {
  /** For each "reason" and "reason.detail". */
  texts: Record<string, Text>;
  /** For each state of a login. */
  progress: Record<string, string>;
  /** What happened and what to do. */
  sentence(error: CpxError): Sentence;
  words: { install: string; help: string; cancel: string; retry: string; reference: string };
}

/** The language to use: the one given, else the page's, else the browser's. */
export const wanted = (lang: string | undefined): string =>
  (lang || document.documentElement.lang || navigator.language || "fr").toLowerCase();

/** Loads the texts, French for "fr…", else English. */
export const language = (lang: string | undefined): Promise<Language> =>
  wanted(lang).startsWith("fr") ? import("./lang-fr.mjs") : import("./lang-en.mjs");
