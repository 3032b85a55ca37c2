// The view of an answer that is spans: the text with each marked, a colour for each label, and how many there are.

import { element } from "../markdown.js";

const HUES = [210, 30, 130, 280, 350, 180, 60, 320]; // of labels, in their order; further ones take them again

// Shows answers in `place`. `show` returns what is read out; `clear` empties.
export function createView(place, { target }) {
  const summary = element("span", { id: "spans-said" });
  const passage = element("p", { class: "passage", id: "spans-text", dir: "auto" });
  const legend = element("p", { class: "quiet", id: "spans-legend" });
  const hue = (label) => HUES[Math.max(0, target.classes.indexOf(label)) % HUES.length];

  function marked({ label, text, probability, unsure }) {
    const share = `${(100 * probability).toFixed(1)} %`;
    const name = element("small", {}, ` ${label}${unsure ? "?" : ""}`);
    const mark = element("mark", { class: unsure ? "unsure" : "", title: `${label}, ${share}` }, text, name);
    mark.style.setProperty("--hue", hue(label));
    return mark;
  }

  function clear() {
    summary.textContent = "–";
    passage.replaceChildren();
    legend.textContent = "";
  }

  // Places count code points, and a letter beyond the first plane is two of JavaScript's.
  function show(found, sent) {
    const letters = Array.from(found.text ?? (typeof sent === "string" ? sent : ""));
    const parts = [];
    let at = 0;
    for (const span of found.spans) {
      parts.push(letters.slice(at, span.start).join(""), marked(span));
      at = span.end;
    }
    parts.push(letters.slice(at).join(""));
    passage.replaceChildren(...parts);
    const counts = new Map();
    for (const { label } of found.spans) counts.set(label, (counts.get(label) ?? 0) + 1);
    summary.textContent = [...counts].map(([label, count]) => `${count} ${label}`).join(", ") || "no span";
    const unsure = found.spans.filter((span) => span.unsure).length;
    legend.textContent = unsure ? `${unsure} not sure enough to be relied on` : "";
    return [summary.textContent, legend.textContent].filter(Boolean).join("; ");
  }

  place.replaceChildren(element("p", { class: "verdict" }, summary), passage, legend);
  clear();
  return { show, clear };
}
