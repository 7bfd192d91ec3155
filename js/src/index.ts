export { CpxError } from "./errors";
export { authenticate, certificateOf, status, watch } from "./login";
export { progressText, sentence } from "./sentence";
