// The view of an answer that is one number: the number in large, in the unit of the rows.

import { element } from "../markdown.js";

const DIGITS = 4;

// Shows answers in `place`. `show` returns what is read out; `clear` empties.
export function createView(place) {
  const value = element("span", { id: "value" });
  place.replaceChildren(element("p", { class: "verdict" }, value));

  function clear() {
    value.textContent = "–";
  }

  function show(found) {
    value.textContent = String(Number(found.value.toPrecision(DIGITS)));
    value.title = String(found.value);
    return value.textContent;
  }

  clear();
  return { show, clear };
}
