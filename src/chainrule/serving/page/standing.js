// Where a model stands beside its floor: the best of the simple models trained on the same rows.

import { element } from "./markdown.js";

const LESS_IS_BETTER = new Set(["log_loss", "expected_calibration_error"]);

// Returns "under", "level" (no better as far as its interval tells), "above", or "" where nothing is known of it.
export function standing({ quality }) {
  const { name, value, low, high } = quality?.primary ?? {};
  const floor = quality?.floor?.value;
  if (![value, low, high, floor].every(Number.isFinite)) return "";
  const sign = LESS_IS_BETTER.has(name) ? -1 : 1;
  if (sign * value < sign * floor) return "under";
  return Math.min(sign * low, sign * high) > sign * floor ? "above" : "level";
}

// Shows it in `place`: loud for a model that is worth less than a simple one, quiet for one that beats it.
export function showStanding(place, model) {
  const kind = standing(model);
  place.hidden = !kind;
  place.dataset.kind = kind;
  if (!kind) return;
  const { primary, floor } = model.quality;
  const head = { under: "Under its floor.", level: "Not clearly better than its floor.", above: "" }[kind];
  const own = `${words(primary.name)} ${primary.value.toFixed(3)} (${primary.low.toFixed(3)} to ${primary.high.toFixed(3)})`;
  const simple = `a simple model trained on the same rows, ${words(floor.name)}, has ${floor.value.toFixed(3)}`;
  const advice = kind === "under" ? " Do not rely on its answers." : "";
  place.replaceChildren(...(head ? [element("strong", {}, head), " "] : []), sentence(`${own}; ${simple}.${advice}`));
}

function words(name) {
  return String(name).replaceAll("_", " ");
}

function sentence(text) {
  return text[0].toUpperCase() + text.slice(1);
}
