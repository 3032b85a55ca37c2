// The panel of the answer: what the task's view shows, what is wrong, how long it took.

import { element } from "./markdown.js";

const KEPT_TIMES = 50;
const QUIET = 700; // ms without a change before an answer is read out

const get = (id) => document.getElementById(id);
// The task's: show(found, sent) returns what is read out, clear() empties. One that shows an answer as it comes also has
// begin(), piece(data) and draft(data); what else it asks for is in `asks`, the query of an address.
let view = null;
let begun = false; // whether a piece of the answer is shown
let times = []; // ms
let spokenTimer = 0;

// Takes the view of another model, made by `create` in the place that it is given, and forgets the times.
export function setView(create, model) {
  get("view").replaceChildren();
  view = create?.(get("view"), model) ?? null;
  times = [];
  for (const id of ["time-server", "time-trip", "time-median"]) get(id).textContent = "–";
  get("time-count").textContent = 0;
  showNothing();
}

// Whether the view shows an answer as it comes.
export function takesPieces() {
  return typeof view?.piece === "function";
}

// Returns what the view asks for beside the input.
export function asksBeside() {
  return view?.asks ?? "";
}

// Takes note that the pieces of a new answer come.
export function startPieces() {
  begun = false;
}

// Shows a piece of an answer, or (name "draft") the best so far.
export function showPiece(name, data) {
  if (!begun) {
    get("problem").textContent = "";
    get("answer").classList.add("full");
    view.begin();
    begun = true;
  }
  view[name === "draft" ? "draft" : "piece"](data);
}

// found: what the server answered; trip: milliseconds from asking to having it; sent: the body that was asked with.
export function showAnswer(found, trip, sent) {
  get("problem").textContent = "";
  get("answer").classList.add("full");
  const said = view.show(found, sent);
  get("notes").replaceChildren(...(found.notes ?? []).map((note) => element("li", {}, note)));
  showTimes(found.milliseconds, trip);
  clearTimeout(spokenTimer);
  spokenTimer = setTimeout(() => {
    get("spoken").textContent = said;
  }, QUIET);
}

// Empties the answer, and says why if there is a reason.
export function showNothing(problem = "") {
  clearTimeout(spokenTimer);
  get("problem").textContent = problem;
  get("spoken").textContent = "";
  get("answer").classList.remove("full");
  get("notes").replaceChildren();
  view?.clear();
}

function showTimes(server, trip) {
  times = [...times, trip].slice(-KEPT_TIMES);
  const median = [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)];
  get("time-server").textContent = milliseconds(server);
  get("time-trip").textContent = milliseconds(trip);
  get("time-count").textContent = times.length;
  get("time-median").textContent = milliseconds(median);
}

export function milliseconds(time) {
  if (time >= 100) return `${Math.round(time)} ms`;
  return `${time.toFixed(time < 1 ? 2 : 1)} ms`;
}
