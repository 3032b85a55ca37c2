// The view of an answer that is a text: the text in large as it is written, below it how sure the model is, and where
// each of its tokens looked in the source.

import { element } from "../markdown.js";

// Shows answers in `place`. `show` returns what is read out; `clear` empties.
export function createView(place) {
  const text = element("span", { id: "wording", dir: "auto" });
  const sure = element("p", { class: "quiet", id: "wording-sure" });
  const looked = element("table", { id: "wording-looked" });
  const folded = element("details", {}, element("summary", {}, "Where each token looked"), looked);
  folded.hidden = true;
  place.replaceChildren(element("p", { class: "verdict wording" }, text), sure, folded);

  function begin() {
    clear();
    text.textContent = "";
  }

  function piece(data) {
    text.textContent += data.text;
  }

  function draft(data) {
    text.textContent = data.text;
  }

  // attention: { from: the tokens written, to: those of the source, weights: how much each looked at each }
  function showLooked(attention) {
    folded.hidden = !attention;
    if (!attention) return;
    const head = element("tr", {}, element("th"), ...attention.to.map((word) => element("th", { scope: "col" }, word)));
    const rows = attention.weights.map((weights, row) => {
      const cells = weights.map((weight) => {
        const cell = element("td", { title: weight.toFixed(2) });
        cell.style.backgroundColor = `color-mix(in srgb, currentColor ${Math.round(100 * weight)}%, transparent)`;
        return cell;
      });
      return element("tr", {}, element("th", { scope: "row" }, attention.from[row]), ...cells);
    });
    looked.replaceChildren(head, ...rows);
  }

  function clear() {
    text.textContent = "–";
    sure.textContent = "";
    showLooked(null);
  }

  function show(found) {
    text.textContent = found.text || "nothing";
    const share = `${(100 * found.probability).toFixed(1)} %`;
    sure.textContent = `Its tokens have a mean probability of ${share}${found.doubtful ? ": look twice" : ""}.`;
    showLooked(found.writing?.attention);
    return found.text;
  }

  clear();
  return { show, clear, begin, piece, draft, asks: "attention=true" };
}
