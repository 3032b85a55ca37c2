// What is known of a version: scores with their intervals, variants, those kept beside it, model card, how to ask it.

import { milliseconds } from "./answer.js";
import { usual as pair } from "./fields/interaction.js";
import { usual } from "./fields/table.js";
import { element, markdown, plural } from "./markdown.js";
import { ask } from "./server.js";
import { measured, title } from "./units.js";

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
  const said = text.replace(/^---\n[^]*?\n---\n/, ""); // without the metadata, which are for machines
  get("card").replaceChildren(markdown(said, 2));
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

// The metrics among scores, [name, score] each: the one that decides first, those of which less is better last.
function metrics(scores) {
  const rank = ([name, score]) => (name === shown.primary?.name ? 0 : score.more_is_better ? 1 : 2);
  const known = Object.entries(scores ?? {}).filter(([, score]) => score?.title && Number.isFinite(score.value));
  return known.sort((one, other) => rank(one) - rank(other));
}

// Whether a score is a share of one where more is better: those stand on one axis.
function isShare({ more_is_better: more, low, high }) {
  return more && low >= 0 && high <= 1;
}

function showScores(scores) {
  const known = metrics(scores);
  const shares = known.map(([, score]) => score).filter(isShare);
  const low = Math.max(0, Math.floor(Math.min(...shares.map((score) => score.low - 0.005)) * 20) / 20);
  const head = element("tr", {}, ...["Score", "Value", "95% interval"].map((text) => element("th", { scope: "col" }, text)));
  const axis = element("th", { scope: "col", class: "axis" }, element("span", {}, low.toFixed(2)), element("span", {}, "1"));
  axis.setAttribute("aria-label", `Intervals from ${low.toFixed(2)} to 1`);
  if (shares.length) head.append(axis);
  const rows = known.map(([, score]) => {
    const { value, low: from, high: to } = score;
    const row = element("tr", {}, element("th", { scope: "row" }, score.title));
    row.append(element("td", { class: "number strong" }, digits(value)));
    row.append(element("td", { class: "number" }, `${digits(from)} – ${digits(to)}`));
    if (shares.length) row.append(element("td", { class: "axis" }, ...(isShare(score) ? [interval(value, from, to, low)] : [])));
    return row;
  });
  get("scores").replaceChildren(element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows)));
  const facts = [
    scores.rows && plural(scores.rows, "test row"),
    scores.groups && plural(scores.groups, "group"),
    scores.resamples && `intervals from ${plural(scores.resamples, "bootstrap sample")} over groups`,
  ].filter(Boolean);
  const lesser = known.filter(([, score]) => !score.more_is_better).map(([, score]) => lower(score.title));
  const less = lesser.length ? ` For ${lesser.join(" and ")}, less is better.` : "";
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

// [title, value of a variant, how it is written] of each column.
function columns({ primary }) {
  return [
    ["Size", (variant) => variant.bytes, (bytes) => size(bytes)],
    [title(primary?.name ?? ""), (variant) => variant.primary, (value) => measured(value, primary.unit)],
    ["Latency here", (variant) => variant.milliseconds, (time) => milliseconds(time)],
  ];
}

function showVariants(model) {
  const variants = Object.entries(model.variants ?? { [model.variant]: {} }).map(([name, variant]) =>
    name === model.variant ? [name, { ...variant, milliseconds: latency }] : [name, variant],
  );
  const shown = columns(model).filter(([, value]) => variants.some(([, variant]) => Number.isFinite(value(variant))));
  const rows = variants.map(([name, variant]) => {
    const row = element("tr", {}, element("th", { scope: "row" }, name));
    if (name === model.variant) row.firstChild.append(" ", element("span", { class: "tag" }, "served"));
    for (const [, value, show] of shown) {
      row.append(element("td", { class: "number" }, Number.isFinite(value(variant)) ? show(value(variant)) : "–"));
    }
    return row;
  });
  get("variants").replaceChildren(table(["Variant", ...shown.map(([name]) => name)], rows));
  get("variants-note").hidden = !Number.isFinite(latency);
}

// The versions that the server keeps: the one it serves and the one to go back to.
function showVersions(model) {
  const versions = model.versions ?? [];
  get("versions-section").hidden = versions.length < 2; // one alone is told above
  const titles = new Map(versions.flatMap(({ scores }) => metrics(scores).map(([name, score]) => [name, score.title])));
  // The metric that decides, and the first of which less is better: it tells apart what the former does not.
  const losses = versions.flatMap(({ scores }) => metrics(scores).filter(([, score]) => !score.more_is_better));
  const scores = [...new Set([model.primary?.name, losses[0]?.[0]])].filter((name) => titles.has(name));
  const rows = versions.map((version) => {
    const row = element("tr", {}, element("th", { scope: "row" }, `v${version.version}`));
    if (version.champion) row.firstChild.append(" ", element("span", { class: "tag" }, "champion"));
    for (const name of scores) {
      const { value, low, high } = version.scores?.[name] ?? {};
      const known = [value, low, high].every(Number.isFinite);
      const interval = known ? [element("small", {}, `${digits(low)} – ${digits(high)}`)] : [];
      row.append(element("td", { class: "number" }, Number.isFinite(value) ? digits(value) : "–", ...interval));
    }
    const variants = Object.entries(version.variants ?? {}).map(([name, { bytes, primary }]) => {
      const facts = [Number.isFinite(bytes) && size(bytes), Number.isFinite(primary) && measured(primary, model.primary.unit)];
      return element("div", {}, name, element("small", {}, facts.filter(Boolean).join(" · ")));
    });
    row.append(element("td", { class: "number" }, ...variants));
    return row;
  });
  get("versions").replaceChildren(table(["Version", ...scores.map((name) => titles.get(name)), "Variants"], rows));
}

function table(heads, rows) {
  const head = element("tr", {}, ...heads.map((text) => element("th", { scope: "col" }, text)));
  return element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows));
}

function showProgram(model) {
  const address = new URL(`models/${encodeURIComponent(model.name)}`, document.baseURI).href;
  const asked = (model.fields ?? []).filter(({ role }) => role === "input");
  const kind = asked.length === 1 ? asked[0].kind : "";
  const parts = {
    image: () => "<base64>",
    text: () => "A text",
    table: (name) => usual(model.preprocessing[name].columns),
    interaction: (name) => pair(model.preprocessing[name]),
  };
  const given = asked.map(({ name, kind }) => [name, parts[kind]?.(name)]);
  const json = JSON.stringify(kind === "table" || kind === "interaction" ? given[0][1] : Object.fromEntries(given)).replaceAll("'", "\\u0027");
  const body = {
    text: "  -H 'Content-Type: text/plain' \\\n  --data-binary 'A text'",
    image: "  -H 'Content-Type: image/png' \\\n  --data-binary @image.png",
  }[kind] ?? `  -H 'Content-Type: application/json' \\\n  --data-binary '${json}'`;
  get("program").textContent = `curl ${address} \\\n${body}`;
}

// Three decimals of what is small, four digits of what is not.
function digits(value) {
  return Math.abs(value) < 10 ? value.toFixed(3) : String(Number(value.toPrecision(4)));
}

function lower(title) {
  return title[0].toLowerCase() + title.slice(1);
}

function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(0)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
