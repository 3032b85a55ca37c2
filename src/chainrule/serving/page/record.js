// What is known of a version: scores with their intervals, variants, those kept beside it, model card, how to ask it.

import { milliseconds } from "./answer.js";
import { element, markdown, plural } from "./markdown.js";
import { ask } from "./server.js";

// name in the signature: [words, whether it is a share of one where more is better]
const SCORES = {
  accuracy: ["Accuracy", true],
  macro_f1: ["Macro F1", true],
  macro_precision: ["Macro precision", true],
  macro_recall: ["Macro recall", true],
  roc_auc: ["ROC AUC", true],
  log_loss: ["Log-loss", false],
  expected_calibration_error: ["Calibration error", false],
};

const get = (id) => document.getElementById(id);

let shown = null; // the model that the record is about
let latency = NaN; // mean milliseconds of a run with one item, of the variant that is served here

export function showRecord(model) {
  shown = model;
  latency = NaN;
  get("record").hidden = false;
  showScores(model.scores ?? {});
  showVariants(model);
  showVersions(model);
  showProgram(model);
  showCard(model);
}

async function showCard(model) {
  const text = await ask(`models/${encodeURIComponent(model.name)}/card`).then(
    (response) => response.text(),
    (trouble) => trouble.message,
  );
  if (shown !== model) return;
  get("card").replaceChildren(markdown(text, 2));
  // The page has said whose card it is.
  get("card").querySelector("h3:first-child")?.remove();
}

// Asks the server how long its runs have taken; nothing is said when it does not answer.
export async function showLatency() {
  const model = shown;
  const path = `v2/models/${encodeURIComponent(model.name)}/stats`;
  const [found] = await ask(path).then((response) => response.json().then((body) => body.model_stats), () => []);
  if (found?.version !== model.version) return; // a swap came in between
  const single = found.batch_stats.find((stats) => stats.batch_size === 1)?.compute_infer;
  if (shown !== model || !single?.count) return;
  latency = single.ns / single.count / 1e6;
  showVariants(model);
}

function showScores(scores) {
  const known = Object.entries(SCORES).filter(([name]) => Number.isFinite(scores[name]?.value));
  const shares = known.filter(([, [, share]]) => share).map(([name]) => scores[name]);
  const low = Math.max(0, Math.floor(Math.min(...shares.map((score) => score.low - 0.005)) * 20) / 20);
  const head = element("tr", {}, ...["Score", "Value", "95% interval"].map((text) => element("th", { scope: "col" }, text)));
  const axis = element("th", { scope: "col", class: "axis" }, element("span", {}, low.toFixed(2)), element("span", {}, "1"));
  axis.setAttribute("aria-label", `Intervals from ${low.toFixed(2)} to 1`);
  if (shares.length) head.append(axis);
  const rows = known.map(([name, [words, share]]) => {
    const { value, low: from, high: to } = scores[name];
    const row = element("tr", {}, element("th", { scope: "row" }, words));
    row.append(element("td", { class: "number strong" }, value.toFixed(3)));
    row.append(element("td", { class: "number" }, `${from.toFixed(3)} – ${to.toFixed(3)}`));
    if (shares.length) row.append(element("td", { class: "axis" }, ...(share ? [interval(value, from, to, low)] : [])));
    return row;
  });
  get("scores").replaceChildren(element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows)));
  const facts = [
    scores.rows && plural(scores.rows, "test row"),
    scores.groups && plural(scores.groups, "group"),
    scores.resamples && `intervals from ${plural(scores.resamples, "bootstrap sample")} over groups`,
  ].filter(Boolean);
  const less = known.some(([, [, share]]) => !share) ? " For log-loss and calibration error, less is better." : "";
  get("scores-note").textContent = known.length
    ? `${facts.join(", ")}.${less}`
    : "The signature of this version holds no scores.";
}

// An interval and its value on an axis from `low` to 1.
function interval(value, from, to, low) {
  const at = (number) => `${(100 * (number - low)) / (1 - low)}%`;
  const svg = (name, attributes) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, content] of Object.entries(attributes)) node.setAttribute(key, content);
    return node;
  };
  const plot = svg("svg", { "aria-hidden": "true", class: "interval" });
  plot.append(svg("line", { x1: "0%", x2: "100%", y1: "50%", y2: "50%", class: "track" }));
  plot.append(svg("line", { x1: at(from), x2: at(to), y1: "50%", y2: "50%", class: "range" }));
  plot.append(svg("circle", { cx: at(value), cy: "50%", r: "4" }));
  return plot;
}

const COLUMNS = [
  ["Size", (variant) => variant.bytes, (bytes) => size(bytes)],
  ["Accuracy", (variant) => variant.primary, (share) => `${(100 * share).toFixed(2)} %`],
  ["Latency here", (variant) => variant.milliseconds, (time) => milliseconds(time)],
];

function showVariants(model) {
  const variants = Object.entries(model.variants ?? { [model.variant]: {} }).map(([name, variant]) =>
    name === model.variant ? [name, { ...variant, milliseconds: latency }] : [name, variant],
  );
  const columns = COLUMNS.filter(([, value]) => variants.some(([, variant]) => Number.isFinite(value(variant))));
  const rows = variants.map(([name, variant]) => {
    const row = element("tr", {}, element("th", { scope: "row" }, name));
    if (name === model.variant) row.firstChild.append(" ", element("span", { class: "tag" }, "served"));
    for (const [, value, show] of columns) {
      row.append(element("td", { class: "number" }, Number.isFinite(value(variant)) ? show(value(variant)) : "–"));
    }
    return row;
  });
  get("variants").replaceChildren(table(["Variant", ...columns.map(([name]) => name)], rows));
  get("variants-note").hidden = !Number.isFinite(latency);
}

// The versions that the server keeps: the one it serves and the one to go back to.
function showVersions(model) {
  const versions = model.versions ?? [];
  get("versions-section").hidden = versions.length < 2; // one alone is told above
  const scores = ["accuracy", "log_loss"].filter((name) =>
    versions.some((version) => Number.isFinite(version.scores?.[name]?.value)),
  );
  const rows = versions.map((version) => {
    const row = element("tr", {}, element("th", { scope: "row" }, `v${version.version}`));
    if (version.champion) row.firstChild.append(" ", element("span", { class: "tag" }, "champion"));
    for (const name of scores) {
      const { value, low, high } = version.scores?.[name] ?? {};
      const known = [value, low, high].every(Number.isFinite);
      const interval = known ? [element("small", {}, `${low.toFixed(3)} – ${high.toFixed(3)}`)] : [];
      row.append(element("td", { class: "number" }, Number.isFinite(value) ? value.toFixed(3) : "–", ...interval));
    }
    const variants = Object.entries(version.variants ?? {}).map(([name, { bytes, primary: accuracy }]) => {
      const facts = [Number.isFinite(bytes) && size(bytes), Number.isFinite(accuracy) && `${(100 * accuracy).toFixed(2)} %`];
      return element("div", {}, name, element("small", {}, facts.filter(Boolean).join(" · ")));
    });
    row.append(element("td", { class: "number" }, ...variants));
    return row;
  });
  get("versions").replaceChildren(table(["Version", ...scores.map((name) => SCORES[name][0]), "Variants"], rows));
}

function table(heads, rows) {
  const head = element("tr", {}, ...heads.map((text) => element("th", { scope: "col" }, text)));
  return element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows));
}

function showProgram(model) {
  const address = new URL(`models/${encodeURIComponent(model.name)}`, document.baseURI).href;
  const body =
    model.modality === "text"
      ? "  -H 'Content-Type: text/plain' \\\n  --data-binary 'A text to classify'"
      : "  -H 'Content-Type: image/png' \\\n  --data-binary @image.png";
  get("program").textContent = `curl ${address} \\\n${body}`;
}

function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(0)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
