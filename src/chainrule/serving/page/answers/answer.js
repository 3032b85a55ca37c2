// The view of an answer to a question: its words in large, and the passage with them marked.

import { element } from "../markdown.js";

const HUE = 210;

// Shows answers in `place`. `show` returns what is read out; `clear` empties.
export function createView(place, { fields }) {
  const name = fields.filter(({ role }) => role === "input").at(-1).name;
  const said = element("span", { id: "best-answer", dir: "auto" });
  const share = element("span", { id: "best-share" });
  const doubt = element("p", { class: "quiet", id: "doubt" });
  const passage = element("p", { class: "passage", id: "passage", dir: "auto" });

  function clear() {
    said.textContent = "–";
    share.textContent = doubt.textContent = "";
    passage.replaceChildren();
  }

  // Places count code points, and a letter beyond the first plane is two of JavaScript's. Where there is no answer, the
  // words that come nearest are marked as unsure.
  function show(found, sent) {
    said.textContent = found.none ? "no answer in the passage" : found.answer;
    share.textContent = percent(found.probability);
    doubt.textContent = found.unsure ? "not sure enough to be relied on" : "";
    const letters = Array.from(found.text ?? JSON.parse(sent)[name]);
    const part = (start, end) => letters.slice(start, end).join("");
    const mark = element("mark", { class: found.none || found.unsure ? "unsure" : "" }, part(found.start, found.end));
    mark.style.setProperty("--hue", HUE);
    passage.replaceChildren(part(0, found.start), mark, part(found.end));
    return [said.textContent, share.textContent, doubt.textContent].filter(Boolean).join(", ");
  }

  place.replaceChildren(element("p", { class: "verdict" }, said, share), doubt, passage);
  clear();
  return { show, clear };
}

function percent(share) {
  return share > 0.9995 && share < 1 ? "> 99.9 %" : `${(100 * share).toFixed(1)} %`;
}
