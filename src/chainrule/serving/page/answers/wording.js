// The view of an answer that is a text: the text in large, below it how sure the model is.

import { element } from "../markdown.js";

// Shows answers in `place`. `show` returns what is read out; `clear` empties.
export function createView(place) {
  const text = element("span", { id: "wording", dir: "auto" });
  const sure = element("p", { class: "quiet", id: "wording-sure" });
  place.replaceChildren(element("p", { class: "verdict wording" }, text), sure);

  function clear() {
    text.textContent = "–";
    sure.textContent = "";
  }

  function show(found) {
    text.textContent = found.text || "nothing";
    const share = `${(100 * found.probability).toFixed(1)} %`;
    sure.textContent = `Its tokens have a mean probability of ${share}${found.doubtful ? ": look twice" : ""}.`;
    return found.text;
  }

  clear();
  return { show, clear };
}
