// The page: which model, what is asked of it, what it answers.

import { asksBeside, setView, showAnswer, showNothing, showPiece, startPieces, takesPieces } from "./answer.js";
import { exampleOf, readsDigits } from "./example.js";
import * as audio from "./fields/audio.js";
import * as image from "./fields/image.js";
import * as interaction from "./fields/interaction.js";
import * as table from "./fields/table.js";
import * as text from "./fields/text.js";
import { element, plural } from "./markdown.js";
import { showLatency, showRecord } from "./record.js";
import { ask, hasToken, setToken, Trouble } from "./server.js";
import { showStanding, standing } from "./standing.js";
import { events } from "./stream.js";
import { title as words } from "./units.js";
import { clearWhy, startWhy } from "./why.js";

const LOOK_AGAIN = 10_000; // ms between looks at the list of models
const LOOK_SOON = 2_000; // ms, while there is none
const KINDS = { audio, image, interaction, table, text }; // what asks for a field, by its kind

const get = (id) => document.getElementById(id);
let models = [];
let model = null;
let fields = []; // what asks for each input field of the model: { name, optional, widget }
let createView = null; // of the model's task
let choice = 0; // counts choices of a model
let lookTimer = 0;

// Asking: one request at a time, always with the newest input; what is asked about an older one is dropped.
let wanted = 0; // counts changes of the input
let answered = 0;
let running = null; // the AbortController of the request under way
let askTimer = 0;

// What is asked

function isEmpty() {
  const empty = fields.filter(({ widget }) => widget.isEmpty());
  return empty.length === fields.length || empty.some(({ optional }) => !optional);
}

// Returns { body, type } for the input as it is now: a field alone as it is, several as JSON.
async function input() {
  if (fields.length === 1) return fields[0].widget.content();
  const given = fields.filter(({ widget }) => !widget.isEmpty());
  const parts = await Promise.all(given.map(async ({ name, widget }) => [name, await inJson(await widget.content())]));
  return { body: JSON.stringify(Object.fromEntries(parts)), type: "application/json" };
}

async function inJson({ body }) {
  if (typeof body === "string") return body;
  const reader = new FileReader();
  const read = new Promise((resolve) => reader.addEventListener("load", () => resolve(reader.result)));
  reader.readAsDataURL(body);
  return (await read).replace(/^.*?,/, ""); // base64 alone
}

function change() {
  clearWhy();
  if (isEmpty()) {
    forget();
    showNothing();
    return;
  }
  wanted += 1;
  clearTimeout(askTimer);
  askTimer = setTimeout(send, Math.max(...fields.map(({ widget }) => widget.wait())));
  showBusy();
}

function showBusy() {
  get("answer").setAttribute("aria-busy", String(answered < wanted));
}

function forget() {
  clearWhy();
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
    await request(content, mine.signal, number);
    answered = Math.max(answered, number);
  } catch (trouble) {
    if (running === mine) failed(trouble, number);
  } finally {
    if (running === mine) running = null;
    showBusy();
  }
  if (!running && asked === model && number < wanted) send();
}

async function request({ body, type }, signal, number) {
  const start = performance.now();
  const path = `models/${encodeURIComponent(model.name)}`;
  const headers = { "Content-Type": type };
  // No input of anybody's, nothing to observe.
  if (fields.every(({ widget }) => widget.isExample())) headers["X-Chainrule-Example"] = "yes";
  if (takesPieces()) headers.Accept = "text/event-stream";
  const query = asksBeside();
  const response = await ask(query ? `${path}?${query}` : path, { method: "POST", body, headers, signal });
  const found = await whole(response, number);
  const trip = performance.now() - start;
  if (number < answered) return;
  showAnswer(found, trip, body);
  if (String(found.version) !== String(model.version)) look(); // a new champion has taken over
}

// Returns the answer of a response; what comes of it before its end is shown as it comes.
async function whole(response, number) {
  if (!response.headers.get("Content-Type")?.startsWith("text/event-stream")) return response.json();
  startPieces();
  for await (const { name, data } of events(response)) {
    if (name === "end") return data;
    if (name === "error") throw new Trouble(503, data.error, 2);
    if (number < wanted) running?.abort(); // nobody wants the rest: there is a newer input
    else showPiece(name, data);
  }
  throw new Trouble(0, "The answer ended early. It is asked for again.", 2);
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

// The input's panel: a widget for each field, of its kind

// Makes the widgets of the model that was chosen, and the view of its answers.
async function makeFields() {
  const mine = (choice += 1);
  const view = await import(`./${model.view}`).catch(() => null);
  if (mine !== choice) return; // another was chosen meanwhile
  if (!view) return showNothing("A part of the page did not come. Reload it.");
  const asked = inputs(model);
  const alone = asked.length === 1;
  const made = [];
  // A widget that is no longer on the page has nothing to tell.
  const told = (what) => (...given) => made === fields && what(...given);
  const tell = {
    changed: told(change),
    dropped: told(() => {
      forget();
      showNothing();
    }),
    refused: told((trouble) => failed(trouble, wanted)),
  };
  for (const { name, kind, optional } of asked) {
    const about = {
      name,
      title: alone ? "" : words(name),
      rules: model.preprocessing[name],
      optional,
      digits: readsDigits(model),
      example: alone ? exampleOf(kind, model) : null,
    };
    made.push({ name, optional, widget: KINDS[kind].createField(about, tell) });
  }
  get("input").replaceChildren(...made.map(({ widget }) => widget.element));
  get("input").classList.toggle("several", !alone);
  ({ createView } = view);
  setView(createView, model);
  fields = made;
  for (const { widget } of fields) widget.repaint();
  change();
}

function inputs({ fields }) {
  return fields.filter(({ role }) => role === "input");
}

function taking() {
  return fields.find(({ widget }) => widget.take)?.widget;
}

// Models

function choose(next) {
  forget();
  model = next;
  choice += 1;
  for (const { widget } of fields) widget.close();
  fields = [];
  history.replaceState(null, "", `#${encodeURIComponent(model.name)}`);
  get("input").replaceChildren();
  setView(null);
  showFacts();
  if (model.view && inputs(model).every(({ kind }) => kind in KINDS)) makeFields();
  else showNothing("There is no form for the task of this model; programs can ask it under /v2.");
}

// What a new version of the same model changes: everything but the input.
function showFacts() {
  const place = [model.variant, model.device, model.provider?.replace("ExecutionProvider", "")].filter(Boolean);
  get("answered-by").textContent = `Version ${model.version} · ${[...new Set(place.map((word) => word.toLowerCase()))].join(" · ")}`;
  get("why").hidden = !model.explained;
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
    const found = await (await ask("models")).json();
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

function update(found) {
  const same = found.find(({ name }) => name === model?.name);
  // What is being tried stays on the page while its model is away: it may only be loading.
  if (model && !same) status("bad", `${model.name} is not served now`);
  else {
    const under = found.filter((each) => standing(each) === "under").length;
    const said = under ? `, ${under} under ${under === 1 ? "its floor" : "their floors"}` : "";
    status(under ? "bad" : "good", `${plural(found.length, "model")} ready${said}`);
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
  const [asks, answers] = [({ fields, view }) => [fields, view], ({ target }) => target];
  const differ = (what) => JSON.stringify(what(before)) !== JSON.stringify(what(same));
  if (differ(asks)) return choose(same);
  if (differ(answers)) setView(createView, same);
  for (const { name, widget } of fields) widget.renew(same.preprocessing[name]);
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
for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    if (![...(event.dataTransfer?.types ?? [])].includes("Files")) return;
    event.preventDefault();
    const over = name === "dragenter" || name === "dragover";
    get("input").classList.toggle("over", over && Boolean(taking()));
    if (name === "drop") taking()?.take(event.dataTransfer.files[0]);
  });
}
document.addEventListener("paste", (event) => {
  const [file] = event.clipboardData?.files ?? [];
  if (!file || !taking()) return;
  event.preventDefault();
  taking().take(file);
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
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const { widget } of fields) widget.repaint();
});
startWhy(() => ({ model, content: input(), rules: model.preprocessing[fields[0].name] }));

look();
