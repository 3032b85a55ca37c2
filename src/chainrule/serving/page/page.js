// The page: which model, what is asked of it, what it answers.

import { makeBars, showAnswer, showNothing } from "./answer.js";
import { exampleStrokes, exampleText, readsDigits } from "./example.js";
import { openImage } from "./image.js";
import { element, plural } from "./markdown.js";
import { createPad, render } from "./pad.js";
import { showLatency, showRecord } from "./record.js";
import { ask, hasToken, setToken, Trouble } from "./server.js";
import { showStanding, standing } from "./standing.js";

const LOOK_AGAIN = 10_000; // ms between looks at the list of models
const LOOK_SOON = 2_000; // ms, while there is none
const WAIT = { text: 150, draw: 30, file: 0 }; // ms of quiet before a request

const get = (id) => document.getElementById(id);
let models = [];
let model = null;
let image = null; // what openImage returned
let example = false; // the text is not the user's: the first letter of their own takes its place
let lookTimer = 0;

// Asking: one request at a time, always with the newest input; what is asked about an older one is dropped.
let wanted = 0; // counts changes of the input
let answered = 0;
let running = null; // the AbortController of the request under way
let askTimer = 0;

const pad = createPad(get("pad"), () => {
  showSeen();
  change();
});

// What is asked

function way() {
  if (model.modality !== "image") return "text";
  return document.querySelector("input[name=way]:checked").value;
}

function empty() {
  return { text: () => !get("text").value.trim(), file: () => !image, draw: () => !pad.strokes().length }[way()]();
}

function isExample() {
  return { text: () => example, file: () => false, draw: () => pad.isExample() }[way()]();
}

// Returns { body, type } for the input as it is now.
async function input() {
  if (way() === "text") return { body: get("text").value, type: "text/plain; charset=utf-8" };
  if (way() === "file") return { body: image.body, type: image.body.type };
  const body = await new Promise((resolve) => get("seen").toBlob(resolve, "image/png"));
  return { body, type: "image/png" };
}

function change() {
  if (empty()) {
    forget();
    showNothing();
    return;
  }
  wanted += 1;
  clearTimeout(askTimer);
  askTimer = setTimeout(send, WAIT[way()]);
  showBusy();
}

function showBusy() {
  get("answer").setAttribute("aria-busy", String(answered < wanted));
}

function forget() {
  wanted += 1;
  answered = wanted;
  clearTimeout(askTimer);
  running?.abort();
  running = null;
  showBusy();
}

async function send() {
  if (running || !model || answered >= wanted) return; // the end of a running request looks again
  const number = wanted;
  const asked = model;
  const mine = (running = new AbortController());
  try {
    const content = await input();
    if (running !== mine) return;
    await classify(content, mine.signal, number);
    answered = Math.max(answered, number);
  } catch (trouble) {
    if (running === mine) failed(trouble, number);
  } finally {
    if (running === mine) running = null;
    showBusy();
  }
  if (!running && asked === model && number < wanted) send();
}

async function classify({ body, type }, signal, number) {
  const start = performance.now();
  const path = `models/${encodeURIComponent(model.name)}`;
  const headers = { "Content-Type": type };
  if (isExample()) headers["X-Chainrule-Example"] = "yes"; // no input of anybody's, nothing to observe
  const response = await ask(path, { method: "POST", body, headers, signal });
  const found = await response.json();
  const trip = performance.now() - start;
  if (number < answered) return;
  showAnswer(found, trip);
  if (String(found.version) !== String(model.version)) look(); // a new champion has taken over
}

function failed(trouble, number) {
  if (!(trouble instanceof Trouble)) {
    if (trouble.name !== "AbortError") throw trouble;
    return;
  }
  answered = Math.max(answered, number);
  if (trouble.status === 401) return askForToken();
  showNothing(trouble.message);
  if ([0, 404, 503].includes(trouble.status)) { // 404: the model is away, and may only be loading
    clearTimeout(askTimer);
    askTimer = setTimeout(() => {
      wanted += 1;
      send();
    }, 1000 * trouble.after);
  }
}

// The input's panel

function showSeen() {
  const empty = !pad.strokes().length;
  get("pad-hint").hidden = !empty && !pad.isExample();
  get("pad-hint").textContent = empty ? "Draw here" : "An example: draw over it";
  get("pad-hint").classList.toggle("low", !empty);
  const seen = get("seen");
  const { width, height } = model.preprocessing;
  seen.width = width;
  seen.height = height;
  if (empty) return;
  const options = { digits: readsDigits(model), dark: get("dark-ink").checked };
  seen.getContext("2d").drawImage(render(pad.strokes(), width, height, options), 0, 0);
}

function setText(text, given = false) {
  get("text").value = text;
  noteText(given);
}

function noteText(given) {
  example = given;
  get("text").classList.toggle("example", example);
  countText();
}

function showWay() {
  const chosen = way();
  for (const [id, name] of [["draw", "draw"], ["file", "file"], ["write", "text"]]) get(id).hidden = name !== chosen;
  get("input-title").textContent = { draw: "Draw", file: "Image", text: "Text" }[chosen];
  if (chosen === "draw") pad.paint();
}

function countText() {
  const { max_characters: most, long } = model.preprocessing?.normalise ?? {};
  const length = [...get("text").value].length;
  const rest = length > most && long !== "reject" ? "; the rest is not read" : "";
  const count = most ? `${length} of ${most} characters${rest}` : plural(length, "character");
  get("text-count").textContent = example ? "An example: type your own" : count;
}

async function takeFile(file) {
  if (!file || model?.modality !== "image") return;
  document.querySelector("input[name=way][value=file]").checked = true;
  showWay();
  forget();
  showNothing();
  if (pad.isExample()) pad.clear();
  const number = wanted;
  try {
    const opened = await openImage(file, get("shown"), model.preprocessing);
    if (number !== wanted) return; // another file, or another model, came in between
    image = opened;
    get("file-note").textContent = opened.note;
    get("drop-hint").hidden = !get("shown").hidden;
    change();
  } catch (trouble) {
    image = null;
    get("shown").hidden = true;
    get("drop-hint").hidden = false;
    failed(trouble, number);
  }
}

// Models

function drawable({ modality, preprocessing }) {
  return modality === "image" && preprocessing.mode === "L" && Math.max(preprocessing.width, preprocessing.height) <= 64;
}

function choose(next) {
  forget();
  model = next;
  image = null;
  history.replaceState(null, "", `#${encodeURIComponent(model.name)}`);
  const draws = drawable(model);
  get("ways").hidden = model.modality !== "image" || !draws;
  document.querySelector(`input[name=way][value=${draws ? "draw" : "file"}]`).checked = true;
  get("shown").hidden = true;
  get("drop-hint").hidden = false;
  get("file-note").textContent = "PNG, JPEG, WebP, GIF or BMP";
  if (model.modality === "image") {
    pad.showExample(draws ? exampleStrokes(model) : []);
    get("seen-size").textContent = `${model.preprocessing.width} × ${model.preprocessing.height} pixels`;
  } else {
    setText(exampleText(model), exampleText(model) !== "");
  }
  forget();
  makeBars(model.labels);
  showWay();
  showFacts();
  change();
}

// What a new version of the same model changes: everything but the input.
function showFacts() {
  const place = [model.variant, model.device, model.provider?.replace("ExecutionProvider", "")].filter(Boolean);
  get("answered-by").textContent = `Version ${model.version} · ${[...new Set(place.map((word) => word.toLowerCase()))].join(" · ")}`;
  showStanding(get("standing"), model);
  showRecord(model);
}

function showChoices() {
  const choices = models.map((each) => {
    const radio = element("input", { type: "radio", name: "model", value: each.name });
    radio.checked = each.name === model?.name;
    const chip = element("span", {}, each.name, element("small", {}, `v${each.version}`));
    if (standing(each) === "under") chip.append(element("small", { class: "floor" }, "under its floor"));
    return element("label", {}, radio, chip);
  });
  get("model-choices").replaceChildren(...choices);
}

function status(kind, words) {
  get("status").dataset.kind = kind;
  if (get("status-text").textContent !== words) get("status-text").textContent = words;
}

// Reads the list of models and shows what has changed in it.
async function look() {
  clearTimeout(lookTimer);
  try {
    const found = (await (await ask("models")).json()).map(alone);
    get("token-form").hidden = true;
    update(found);
    if (model) showLatency();
    lookTimer = setTimeout(look, found.length ? LOOK_AGAIN : LOOK_SOON);
  } catch (trouble) {
    if (trouble.status === 401) return askForToken();
    if (!(trouble instanceof Trouble)) throw trouble;
    status("bad", trouble.status === 0 ? "No answer, asking again" : trouble.message);
    lookTimer = setTimeout(look, 1000 * trouble.after);
  }
}

// The only input field of a model, and the labels that it answers with.
function alone(found) {
  const { kind, name } = found.fields?.find(({ role }) => role === "input") ?? {};
  return { ...found, modality: kind, labels: found.target?.classes ?? [], preprocessing: found.preprocessing?.[name] ?? {} };
}

function update(found) {
  const same = found.find(({ name }) => name === model?.name);
  // What is being tried stays on the page while its model is away: it may only be loading.
  if (model && !same) status("bad", `${model.name} is not served now`);
  else {
    const under = found.filter((each) => standing(each) === "under").length;
    status(under ? "bad" : "good", `${plural(found.length, "model")} ready${under ? `, ${under} under its floor` : ""}`);
  }
  const before = JSON.stringify(models);
  models = found;
  if (JSON.stringify(found) !== before) {
    if (!model && found.length) first();
    else if (same) renew(same);
    showChoices();
  }
  get("nothing").hidden = model !== null;
}

function first() {
  for (const id of ["models", "try", "record"]) get(id).hidden = false;
  choose(named() ?? models[0]);
}

// The model that the address names after "#".
function named() {
  try {
    const wanted = decodeURIComponent(location.hash.slice(1));
    return models.find(({ name }) => name === wanted);
  } catch {
    return undefined; // "#%" is no name
  }
}

// Takes what is new about the model that is being tried; the input stays.
function renew(same) {
  const before = model;
  model = same;
  if (JSON.stringify(before) === JSON.stringify(same)) return;
  if (JSON.stringify(before.labels) !== JSON.stringify(same.labels)) makeBars(same.labels);
  showFacts();
  change();
}

function askForToken() {
  status("bad", "Needs a token");
  get("token-problem").textContent = hasToken() ? "The server does not take this token." : "";
  if (!get("token-form").hidden) return;
  get("token-form").hidden = false;
  get("token").focus();
}

get("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  setToken(get("token").value.trim());
  get("token").value = "";
  look();
  if (model) change();
});
get("model-choices").addEventListener("change", (event) => {
  choose(models.find(({ name }) => name === event.target.value));
});
get("ways").addEventListener("change", () => {
  forget();
  showNothing();
  showWay();
  change();
});
get("undo").addEventListener("click", pad.undo);
get("clear").addEventListener("click", pad.clear);
get("dark-ink").addEventListener("change", (event) => pad.setDark(event.target.checked));
get("text").addEventListener("beforeinput", () => {
  if (example) get("text").select();
});
get("text").addEventListener("input", () => {
  noteText(false);
  change();
});
get("text-clear").addEventListener("click", () => {
  setText("");
  change();
  get("text").focus();
});
get("chooser").addEventListener("change", (event) => {
  takeFile(event.target.files[0]);
  event.target.value = ""; // the same file may be chosen again
});
for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    if (![...(event.dataTransfer?.types ?? [])].includes("Files")) return;
    event.preventDefault();
    const over = name === "dragenter" || name === "dragover";
    get("input").classList.toggle("over", over && model?.modality === "image");
    if (name === "drop") takeFile(event.dataTransfer.files[0]);
  });
}
document.addEventListener("paste", (event) => {
  const [file] = event.clipboardData?.files ?? [];
  if (!file || model?.modality !== "image") return;
  event.preventDefault();
  takeFile(file);
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) clearTimeout(lookTimer);
  else look();
});
window.addEventListener("hashchange", () => {
  const wanted = named();
  if (!wanted || wanted === model) return;
  choose(wanted);
  showChoices();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", pad.paint);

look();
