// The view of an answer that is one label: the likeliest in large, a bar for each.

import { element } from "../markdown.js";

const IN_ORDER = 12; // so many labels keep their places; of more, the likeliest are shown
const SHOWN = 10;

// Shows answers in `place`. `show` returns what is read out; `clear` empties.
export function createView(place, { target }) {
  const labels = target.classes;
  const many = labels.length > IN_ORDER;
  const bars = new Map(); // label to { row, fill, share }
  const best = element("span", { id: "best-label" });
  const share = element("span", { id: "best-share" });
  const list = element("ol", { class: "bars", id: "bars" });
  const doubt = element("p", { class: "quiet", id: "doubt" });
  const more = element("p", { class: "quiet", id: "more" }, many ? `The ${SHOWN} likeliest of ${labels.length} labels` : "");

  function set(labels) {
    bars.clear();
    const rows = labels.map((label) => {
      const fill = element("span", { class: "fill" });
      const share = element("span", { class: "share" });
      const name = element("span", { class: "label", title: label }, label);
      const row = element("li", {}, name, element("span", { class: "track", "aria-hidden": "true" }, fill), share);
      bars.set(label, { row, fill, share });
      return row;
    });
    list.replaceChildren(...rows);
  }

  function clear() {
    best.textContent = "–";
    share.textContent = doubt.textContent = "";
    for (const { row, fill, share } of bars.values()) {
      fill.style.transform = "scaleX(0)";
      share.textContent = "";
      row.classList.remove("likeliest");
    }
  }

  function show(found) {
    const [first] = found.labels;
    best.textContent = first.label;
    share.textContent = percent(first.probability);
    if (many) set(found.labels.slice(0, SHOWN).map(({ label }) => label));
    for (const { label, probability } of found.labels) {
      const bar = bars.get(label);
      if (!bar) continue;
      bar.fill.style.transform = `scaleX(${probability})`;
      bar.share.textContent = percent(probability);
      bar.row.classList.toggle("likeliest", label === first.label);
    }
    doubt.textContent = doubts(found);
    return [first.label, percent(first.probability), doubt.textContent].filter(Boolean).join(", ");
  }

  place.replaceChildren(element("p", { class: "verdict" }, best, share), doubt, list, more);
  set(many ? [] : labels);
  clear();
  return { show, clear };
}

// What an answer says of its doubt, in words; nothing of one that is sure, of one label alone and of a known kind.
function doubts({ set, unsure, foreign }) {
  const said = [];
  if (foreign) said.push("unlike the inputs that the model knows");
  if (unsure) said.push("not sure enough to be relied on");
  if (set?.length > 1) said.push(`could be ${set.slice(0, SHOWN).join(", ")}${set.length > SHOWN ? ", …" : ""}`);
  return said.join("; ");
}

function percent(share) {
  return share > 0.9995 && share < 1 ? "> 99.9 %" : `${(100 * share).toFixed(1)} %`;
}
