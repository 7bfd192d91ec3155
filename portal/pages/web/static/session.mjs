// Every page that depends on a card ends its session when the card is removed, even
// where that happened between two pages, and in every tab.
import { watch } from "./js/cpx-bridge.mjs";

const { card, cardId, leave, portsFirst, portsCount } = document.body.dataset;
let left = false;

async function out() {
  if (left) return;
  left = true;
  let home = "/?carte=retiree";
  try {
    // For which card: another person's session may have begun in this browser since.
    const { status } = await fetch(leave, { method: "POST", redirect: "manual", body: new URLSearchParams({ card: cardId }) });
    if (status === 409) home = "/?carte=autre"; // it has, and goes on
  } finally {
    // Replaces this page, so that "back" does not lead to it.
    location.replace(home);
  }
}

// A lost agent, or one that has not seen this card since its start, says nothing
// about the card: then only the session's own limits apply.
watch(card, (why) => why === "removed" && out(), { ports: { first: Number(portsFirst), count: Number(portsCount) } })
  .then(({ present }) => present || out())
  .catch(() => undefined);
