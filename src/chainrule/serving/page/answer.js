// The answer: a bar per label, the likeliest in large, how long it took.

import { element } from "./markdown.js";

const IN_ORDER = 12; // so many labels keep their places; of more, the likeliest are shown
const SHOWN = 10;
const KEPT_TIMES = 50;
const QUIET = 700; // ms without a change before an answer is read out

const get = (id) => document.getElementById(id);
const bars = new Map(); // label to { row, fill, share }
let many = false;
let times = []; // ms
let spokenTimer = 0;

// Makes the bars anew, empty, and forgets the times.
export function makeBars(labels) {
  many = labels.length > IN_ORDER;
  setBars(many ? [] : labels);
  get("more").textContent = many ? `The ${SHOWN} likeliest of ${labels.length} labels` : "";
  times = [];
  for (const id of ["time-server", "time-trip", "time-median"]) get(id).textContent = "–";
  get("time-count").textContent = 0;
  showNothing();
}

function setBars(labels) {
  bars.clear();
  const rows = labels.map((label) => {
    const fill = element("span", { class: "fill" });
    const share = element("span", { class: "share" });
    const name = element("span", { class: "label", title: label }, label);
    const row = element("li", {}, name, element("span", { class: "track", "aria-hidden": "true" }, fill), share);
    bars.set(label, { row, fill, share });
    return row;
  });
  get("bars").replaceChildren(...rows);
}

// found: what the server answered; trip: milliseconds from asking to having it.
export function showAnswer(found, trip) {
  const [best] = found.labels;
  get("problem").textContent = "";
  get("best-label").textContent = best.label;
  get("best-share").textContent = percent(best.probability);
  get("answer").classList.add("full");
  if (many) setBars(found.labels.slice(0, SHOWN).map(({ label }) => label));
  for (const { label, probability } of found.labels) {
    const bar = bars.get(label);
    if (!bar) continue;
    bar.fill.style.transform = `scaleX(${probability})`;
    bar.share.textContent = percent(probability);
    bar.row.classList.toggle("likeliest", label === best.label);
  }
  showTimes(found.milliseconds, trip);
  clearTimeout(spokenTimer);
  spokenTimer = setTimeout(() => {
    get("spoken").textContent = `${best.label}, ${percent(best.probability)}`;
  }, QUIET);
}

// Empties the answer, and says why if there is a reason.
export function showNothing(problem = "") {
  clearTimeout(spokenTimer);
  get("problem").textContent = problem;
  get("spoken").textContent = get("best-share").textContent = "";
  get("best-label").textContent = "–";
  get("answer").classList.remove("full");
  for (const { row, fill, share } of bars.values()) {
    fill.style.transform = "scaleX(0)";
    share.textContent = "";
    row.classList.remove("likeliest");
  }
}

function showTimes(server, trip) {
  times = [...times, trip].slice(-KEPT_TIMES);
  const median = [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)];
  get("time-server").textContent = milliseconds(server);
  get("time-trip").textContent = milliseconds(trip);
  get("time-count").textContent = times.length;
  get("time-median").textContent = milliseconds(median);
}

function percent(share) {
  return share > 0.9995 && share < 1 ? "> 99.9 %" : `${(100 * share).toFixed(1)} %`;
}

export function milliseconds(time) {
  if (time >= 100) return `${Math.round(time)} ms`;
  return `${time.toFixed(time < 1 ? 2 : 1)} ms`;
}
