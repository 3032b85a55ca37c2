// The view of an answer that is a text which goes on behind a prompt.

import { element, plural } from "../markdown.js";

const DIGITS = 3;

// Shows answers in `place`. `show` returns what is read out; `clear` empties.
export function createView(place) {
  const text = element("p", { id: "text", class: "written", dir: "auto" });
  const about = element("p", { class: "quiet", id: "about-text" });
  place.replaceChildren(text, about);

  function clear() {
    text.textContent = "–";
    about.textContent = "";
  }

  function show(found) {
    text.textContent = found.text || "–";
    const chance = Number(found.probability.toPrecision(DIGITS));
    about.textContent = `${plural(found.tokens, "token")}, of a probability of ${chance} each in the mean`;
    return found.text;
  }

  clear();
  return { show, clear };
}
