// How values of the metric that decides are written, as `chainrule status` writes them.

const SHARE = "share"; // the unit of a number from 0 to 1

// Returns a value with three decimals of a share, four digits of anything else.
export function number(value, unit) {
  return unit === SHARE ? value.toFixed(3) : String(Number(value.toPrecision(4)));
}

// Returns what follows a value: its unit, where it has one.
export function inUnit(unit) {
  return unit && unit !== SHARE ? ` ${unit}` : "";
}

// Returns a value with its unit, a share in percent.
export function measured(value, unit) {
  return unit === SHARE ? `${(100 * value).toFixed(2)} %` : number(value, unit) + inUnit(unit);
}

const SPELT = { bleu: "BLEU", f1: "F1", iou: "IoU", "kneser ney": "Kneser-Ney" };

// Returns the name of a metric, a floor or a field as words.
export function words(name) {
  const plain = String(name).replaceAll("_", " ");
  return plain.replace(/\b(bleu|f1|iou|kneser ney)\b/g, (word) => SPELT[word]);
}

// Returns the same as it begins a line.
export function title(name) {
  const said = words(name);
  return said[0].toUpperCase() + said.slice(1);
}
