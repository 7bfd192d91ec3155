// The language files are bundles of their own, loaded when a sentence is needed.
declare module "*lang-fr.mjs" {
  const language: import("./language").Language;
  export const texts: typeof language.texts, progress: typeof language.progress, words: typeof language.words, sentence: typeof language.sentence;
}
declare module "*lang-en.mjs" {
  const language: import("./language").Language;
  export const texts: typeof language.texts, progress: typeof language.progress, words: typeof language.words, sentence: typeof language.sentence;
}
declare module "*selftest-fr.mjs" {
  export const texts: import("./selftest-texts").Texts;
}
declare module "*selftest-en.mjs" {
  export const texts: import("./selftest-texts").Texts;
}
