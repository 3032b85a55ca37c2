// Where a model stands beside its floor: the best of the simple models trained on the same rows.

import { element } from "./markdown.js";
import { inUnit, number, title, words } from "./units.js";

// Returns "under", "level" (no better as far as its interval tells), "above", or "" where nothing is known of it.
export function standing({ quality }) {
  const { value, low, high, more_is_better: more } = quality?.primary ?? {};
  const floor = quality?.floor?.value;
  if (![value, low, high, floor].every(Number.isFinite)) return "";
  const sign = more === false ? -1 : 1;
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
  const { unit } = primary;
  const interval = `(${number(primary.low, unit)} to ${number(primary.high, unit)})`;
  const own = `${title(primary.name)} ${number(primary.value, unit)}${inUnit(unit)} ${interval}`;
  const simple = `a simple model trained on the same rows, ${words(floor.name)}, has ${number(floor.value, unit)}`;
  const advice = kind === "under" ? " Do not rely on its answers." : "";
  place.replaceChildren(...(head ? [element("strong", {}, head), " "] : []), `${own}; ${simple}.${advice}`);
}
