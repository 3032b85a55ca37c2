// The view of an answer that is a set of labels: those that are given in large, a bar for each that may be.

import { element } from "../markdown.js";

const SHOWN = 12; // of more labels the likeliest are shown, and all that are given

// Shows answers in `place`. `show` returns what is read out; `clear` empties.
export function createView(place, { target }) {
  const given = element("span", { id: "given-labels" });
  const list = element("ol", { class: "bars", id: "bars" });
  const many = target.classes.length > SHOWN;
  const more = element("p", { class: "quiet", id: "more" }, many ? `The likeliest of ${target.classes.length} labels` : "");

  function row({ label, probability, given: marked }) {
    const fill = element("span", { class: "fill" });
    fill.style.transform = `scaleX(${probability})`;
    return element(
      "li",
      marked ? { class: "likeliest" } : {},
      element("span", { class: "label", title: label }, label),
      element("span", { class: "track", "aria-hidden": "true" }, fill),
      element("span", { class: "share" }, `${(100 * probability).toFixed(1)} %`),
    );
  }

  function clear() {
    given.textContent = "–";
    list.replaceChildren();
  }

  function show(found) {
    const names = found.labels.filter((each) => each.given).map(({ label }) => label);
    given.textContent = names.join(", ") || "none of the labels";
    list.replaceChildren(...found.labels.filter((each, place) => each.given || place < SHOWN).map(row));
    return given.textContent;
  }

  place.replaceChildren(element("p", { class: "verdict" }, given), list, more);
  clear();
  return { show, clear };
}
