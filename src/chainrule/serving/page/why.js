// Why an answer came out as it did: asked for by a button, shown as weighed words, tiles, columns or times and bands.

import { openImage } from "./fields/picture.js";
import { element, plural } from "./markdown.js";
import { ask, Trouble } from "./server.js";

const UP = "0, 114, 178";
const DOWN = "213, 94, 0";
const STRONGEST = 0.5; // how much a colour covers
const MARKED = 0.1; // of the largest weight: smaller ones have no sign
const TILES_MARKED = 4;
const COLUMNS = 12;

const get = (id) => document.getElementById(id);
let asked = 0; // counts questions and changes of the input: what comes of an older one is dropped

// `current` returns { model, content, rules }: what is on the page now, content a promise of { body, type }, rules the
// preprocessing of a model's only field.
export function startWhy(current) {
  get("why-ask").addEventListener("click", async () => {
    const number = (asked += 1);
    get("why").setAttribute("aria-busy", "true");
    get("why-shown").replaceChildren(element("p", { class: "quiet" }, "Hiding one part after the other…"));
    try {
      const { model, content, rules } = current();
      const { body, type } = await content;
      const path = `models/${encodeURIComponent(model.name)}?explain=${get("why-method").value}`;
      const response = await ask(path, { method: "POST", body, headers: { "Content-Type": type, "X-Chainrule-Example": "yes" } });
      const found = (await response.json()).explanation;
      const shown = await show(found, body, rules);
      if (number === asked) get("why-shown").replaceChildren(...shown);
    } catch (trouble) {
      if (!(trouble instanceof Trouble)) throw trouble;
      if (number === asked) get("why-shown").replaceChildren(element("p", { class: "problem" }, trouble.message));
    } finally {
      if (number === asked) get("why").setAttribute("aria-busy", "false");
    }
  });
}

// Forgets what was explained: the input is another.
export function clearWhy() {
  asked += 1;
  get("why").setAttribute("aria-busy", "false");
  get("why-shown").replaceChildren();
}

async function show(found, body, rules) {
  const most = Math.max(...found.parts.map(({ weight }) => Math.abs(weight))) || 1;
  const parts = found.parts.map((part) => ({ ...part, share: Math.abs(part.weight) / most }));
  const [first] = parts;
  const map = "text" in first ? words(parts) : "top" in first ? await tiles(parts, body, rules) : "low" in first ? bands(parts) : columns(parts);
  const sum = found.parts.reduce((total, { weight }) => total + weight, 0);
  const off = `The weights sum to ${signed(sum)}, of ${signed(found.whole - found.none)}.`;
  const about = `${found.explained}: ${found.unit} ${signed(found.whole)}, with all parts hidden ${signed(found.none)}. ${off} `;
  const runs = `A hidden part is ${found.hidden}; ${plural(found.runs, "run")}.`;
  const legend = element("p", { class: "quiet" }, about + runs);
  const notes = (found.notes ?? []).map((note) => element("p", { class: "quiet" }, `${note[0].toUpperCase()}${note.slice(1)}.`));
  return [map, legend, ...notes];
}

function words(parts) {
  const line = element("p", { class: "weighed", dir: "auto" });
  let field = parts[0].field;
  for (const { text, weight, share, field: own } of parts) {
    if (own !== field) line.append(element("br"));
    field = own;
    const word = element("span", { title: signed(weight) }, text);
    mark(word, weight, share);
    line.append(word, " ");
  }
  return line;
}

async function tiles(parts, body, { width, height }) {
  const picture = element("canvas", { "aria-hidden": "true" });
  await openImage(await file(body), picture, { width, height });
  const order = [...parts].sort((one, other) => other.share - one.share);
  const strongest = order.slice(0, TILES_MARKED).filter(({ share }) => share >= MARKED);
  const label = `Strongest: ${strongest.map((part) => `${place(part, width, height)} ${signed(part.weight)}`).join(", ") || "nothing"}`;
  const cover = svg("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": label });
  for (const { top, bottom, left, right, weight, share } of parts) {
    const fill = `rgb(${weight > 0 ? UP : DOWN})`;
    const box = { x: left, y: top, width: right - left, height: bottom - top, fill, "fill-opacity": (0.75 * share).toFixed(3) };
    cover.append(svg("rect", box));
  }
  for (const { top, bottom, left, right, weight } of strongest) {
    const size = Math.max(width, height) / 9;
    const middle = { x: (left + right) / 2, y: (top + bottom) / 2, "font-size": size, "stroke-width": size / 6 };
    const sign = svg("text", middle);
    sign.textContent = weight > 0 ? "+" : "−";
    cover.append(sign);
  }
  return element("div", {}, element("div", { class: "covered" }, picture, cover), element("p", { class: "quiet" }, label));
}

// Pieces of a sound in their places: time from left to right, low below and high above.
function bands(parts) {
  const [starts, lows] = ["from", "low"].map((key) => [...new Set(parts.map((part) => part[key]))].sort((one, other) => one - other));
  const order = [...parts].sort((one, other) => other.share - one.share);
  const strongest = order.slice(0, TILES_MARKED).filter(({ share }) => share >= MARKED);
  const named = ({ from, to, low, high, weight }) => `${from.toFixed(2)} to ${to.toFixed(2)} s, ${low} to ${high} Hz ${signed(weight)}`;
  const label = `Strongest: ${strongest.map(named).join("; ") || "nothing"}`;
  const grid = svg("svg", { viewBox: `0 0 ${starts.length} ${lows.length}`, class: "moments", role: "img", "aria-label": label });
  for (const { from, low, weight, share } of parts) {
    const place = { x: starts.indexOf(from), y: lows.length - 1 - lows.indexOf(low), width: 1, height: 1 };
    grid.append(svg("rect", { ...place, fill: `rgb(${weight > 0 ? UP : DOWN})`, "fill-opacity": share.toFixed(3) }));
  }
  for (const { from, low, weight } of strongest) {
    const place = { x: starts.indexOf(from) + 0.5, y: lows.length - lows.indexOf(low) - 0.5 };
    const sign = svg("text", { ...place, "font-size": 0.6, "stroke-width": 0.1 });
    sign.textContent = weight > 0 ? "+" : "−";
    grid.append(sign);
  }
  return element("div", {}, element("div", { class: "moment-frame" }, grid), element("p", { class: "quiet" }, label));
}

// Returns the image that a request's body is, or holds in base64.
async function file(body) {
  if (typeof body !== "string") return body;
  const [content] = Object.values(JSON.parse(body));
  return new Blob([Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0))], { type: "image/png" });
}

function columns(parts) {
  const order = [...parts].sort((one, other) => other.share - one.share);
  const rows = order.slice(0, COLUMNS).map(({ column, columns: several, value, weight, share }) => {
    const cell = element("td", { class: "number" }, signed(weight));
    mark(cell, weight, share, false);
    const shown = several ? "" : value === null ? "not known" : String(value);
    return element("tr", {}, element("th", { scope: "row" }, several?.join(", ") ?? column), element("td", {}, shown), cell);
  });
  const heads = ["Column", "Value", "Weight"].map((text) => element("th", { scope: "col" }, text));
  const table = element("table", {}, element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...rows));
  const rest = order.length - rows.length;
  const more = rest > 0 ? [element("p", { class: "quiet" }, `${plural(rest, "more column")} weigh less.`)] : [];
  return element("div", { class: "wide", tabindex: 0, role: "group", "aria-label": "Weights of the columns" }, table, ...more);
}

function mark(node, weight, share, signs = true) {
  node.style.backgroundColor = `rgba(${weight > 0 ? UP : DOWN}, ${(STRONGEST * share).toFixed(3)})`;
  if (share < MARKED) return;
  node.classList.add(weight > 0 ? "up" : "down");
  if (signs) node.append(element("sup", {}, weight > 0 ? "+" : "−"));
}

function place({ top, bottom, left, right }, width, height) {
  const third = (at, names) => names[Math.min(2, Math.floor(3 * at))];
  return `${third((top + bottom) / 2 / height, ["top", "middle", "bottom"])} ${third((left + right) / 2 / width, ["left", "centre", "right"])}`;
}

function signed(value) {
  const size = Number(Math.abs(value).toPrecision(3));
  return size ? `${value < 0 ? "−" : "+"}${size}` : "0";
}

function svg(name, attributes) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, content] of Object.entries(attributes)) node.setAttribute(key, content);
  return node;
}
