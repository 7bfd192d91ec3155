// Every page that stands on a card ends its session when the card leaves: also
// where it left between two pages, and in each tab.
import { watch } from "/static/js/cpx-bridge.mjs";

const { card, leave, portsFirst, portsCount } = document.body.dataset;
let left = false;

async function out() {
  if (left) return;
  left = true;
  try {
    await fetch(leave, { method: "POST", redirect: "manual" });
  } finally {
    // In place of this page, so that "back" does not lead to it.
    location.replace("/?carte=retiree");
  }
}

// An agent that was lost, or does not know this card since its start, tells
// nothing of the card: the session's own limits stand.
watch(card, (why) => why === "removed" && out(), { ports: { first: Number(portsFirst), count: Number(portsCount) } })
  .then(({ present }) => present || out())
  .catch(() => undefined);
