// The view of an answer that is a text which goes on behind a prompt: token by token as it is written, each the paler
// the less probable it was, its probability and what else might have stood there under the pointer.

import { element, plural } from "../markdown.js";

const DIGITS = 3;
const FAINTEST = 45; // per cent of the colour of a token that was hardly to be expected

// Shows answers in `place`. `show` returns what is read out; `clear` empties.
export function createView(place) {
  const text = element("p", { id: "text", class: "written", dir: "auto" });
  const about = element("p", { class: "quiet", id: "about-text" });
  place.replaceChildren(text, about);

  function begin() {
    clear();
    text.textContent = "";
  }

  // data: { text: what is new, tokens: [{ text, probability, alternatives }] }
  function piece(data) {
    const whole = data.tokens.map((token) => token.text).join("") === data.text;
    // Some tokens are parts of a letter, and have no text of their own: then the piece is one.
    const shown = whole ? data.tokens.map((token) => [token.text, [token]]) : [[data.text, data.tokens]];
    for (const [written, tokens] of shown) if (written) text.append(span(written, tokens));
  }

  function span(written, tokens) {
    const least = Math.min(...tokens.map((token) => token.probability));
    const found = element("span", { title: tokens.map(described).join("\n") }, written);
    const share = Math.round(FAINTEST + (100 - FAINTEST) * least);
    found.style.color = `color-mix(in srgb, currentColor ${share}%, transparent)`;
    return found;
  }

  function clear() {
    text.textContent = "–";
    about.textContent = "";
  }

  function show(found) {
    if (text.textContent !== found.text) text.textContent = found.text || "–";
    const chance = Number(found.probability.toPrecision(DIGITS));
    about.textContent = `${plural(found.tokens, "token")}, of a probability of ${chance} each in the mean`;
    return found.text;
  }

  clear();
  return { show, clear, begin, piece, asks: "alternatives=3" };
}

function described({ text, probability, alternatives = [] }) {
  const others = alternatives.map((other) => `${named(other.text)} ${percent(other.probability)}`);
  return [`${named(text)} ${percent(probability)}`, ...others].join(" · ");
}

function named(text) {
  return JSON.stringify(text);
}

function percent(probability) {
  return `${Number((100 * probability).toPrecision(DIGITS))} %`;
}
