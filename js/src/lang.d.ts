// The language files are bundles of their own, loaded when a sentence is wanted.
declare module "*lang-fr.mjs" {
  export const texts: import("./sentence").Texts;
}
declare module "*lang-en.mjs" {
  export const texts: import("./sentence").Texts;
}
