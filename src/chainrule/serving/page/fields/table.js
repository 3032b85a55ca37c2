// A row of a table as a field of a request: a form of its columns, filled with what is usual in the training rows.

import { element, plural } from "../markdown.js";

const WAIT = 150; // ms of quiet before a request
const CHOSEN = 40; // of so many categories one is chosen from a list; more are typed and completed
const UNKNOWN = "not known"; // how an empty control reads

// field: its name, its title or "", and of its preprocessing the columns; told: `changed` when the row does.
export function createField({ name, title, rules }, told) {
  const form = element("div", { class: "columns", id: `field-${name}` });
  const said = element("p", { class: "quiet", id: `field-${name}-said` });
  const again = element("button", { type: "button", id: `field-${name}-again` }, "Usual values");
  const empty = element("button", { type: "button", id: `field-${name}-clear` }, "Clear");
  let controls = [];
  let touched = false; // by the user: the row is theirs
  let columns = [];

  function build(wanted, values) {
    columns = wanted;
    controls = columns.map((column, place) => createControl(column, `field-${name}-${place}`, values[column.name]));
    form.replaceChildren(...controls.map(({ element }) => element));
    note();
  }

  function note() {
    const known = controls.filter((control) => control.value() !== null).length;
    const counted = `${known} of ${plural(columns.length, "column")} filled`;
    said.textContent = touched ? counted : "What is usual in the training rows: change any of it";
    for (const control of controls) control.note();
  }

  function set(values, mine) {
    touched = mine;
    build(columns, values);
    told.changed();
  }

  form.addEventListener("input", () => {
    touched = true;
    note();
    told.changed();
  });
  empty.addEventListener("click", () => set({}, true));
  again.addEventListener("click", () => set(usual(columns), false));
  build(rules.columns, usual(rules.columns));
  return {
    element: element(
      "section",
      { class: "field" },
      element("div", { class: "bar" }, element("h2", {}, title || "Row")),
      form,
      element("div", { class: "under" }, said, element("div", { class: "row" }, again, empty)),
    ),
    wait: () => WAIT,
    isEmpty: () => controls.every((control) => control.value() === null),
    isExample: () => !touched,
    content: async () => ({ body: JSON.stringify(row()), type: "application/json" }),
    renew(rules) {
      if (JSON.stringify(rules.columns) !== JSON.stringify(columns)) build(rules.columns, touched ? row() : usual(rules.columns));
    },
    repaint() {},
    close() {},
  };

  function row() {
    return Object.fromEntries(controls.map((control, place) => [columns[place].name, control.value()]));
  }
}

// Returns a row of what is usual in each column.
export function usual(columns) {
  return Object.fromEntries(columns.map((column) => [column.name, column.usual]));
}

// What asks for one column: its element, value() as JSON has it (null: not known), note() about what was typed.
function createControl(column, id, value) {
  const hint = element("small", { id: `${id}-hint` });
  const control = MAKE[column.kind](column, id);
  control.setAttribute("aria-describedby", hint.id);
  write(control, column, value);
  const list = control.getAttribute("list");
  const more = list ? [choices(list, column.values)] : [];
  return {
    element: element("div", { class: "column" }, element("label", { for: id, title: column.name }, column.name), control, ...more, hint),
    value: () => read(control, column),
    note() {
      const { words, odd } = about(column, read(control, column), control);
      hint.textContent = words;
      hint.classList.toggle("odd", odd);
    },
  };
}

const MAKE = {
  number: (column, id) => element("input", { id, type: "number", step: "any", placeholder: UNKNOWN }),
  category: ({ values }, id) =>
    values.length > CHOSEN ? element("input", { id, type: "text", placeholder: UNKNOWN, list: `${id}-list` }) : chooser(id, values),
  date: (column, id) => element("input", { id, type: timed(column) ? "datetime-local" : "date", step: 1 }),
  boolean: (column, id) => chooser(id, ["true", "false"]),
  text: (column, id) => element("input", { id, type: "text", placeholder: UNKNOWN }),
};

function chooser(id, values) {
  const options = values.map((value) => element("option", { value }, value));
  return element("select", { id }, element("option", { value: "" }, UNKNOWN), ...options);
}

function choices(id, values) {
  return element("datalist", { id }, ...values.map((value) => element("option", { value })));
}

// Whether the dates of a column have a time of the day.
function timed({ low, usual, high }) {
  return [low, usual, high].some((moment) => String(moment).includes("T"));
}

function write(control, column, value) {
  if (value === null || value === undefined) control.value = "";
  else if (column.kind === "date" && timed(column) && !String(value).includes("T")) control.value = `${value}T00:00:00`;
  else control.value = String(value);
}

function read(control, { kind }) {
  const text = control.value.trim();
  if (text === "") return null;
  if (kind === "number") return Number(text);
  return kind === "boolean" ? text === "true" : text;
}

// What is said below a control, and whether it is a warning.
function about({ kind, low, high, values }, value, control) {
  if (control.validity?.badInput) return { words: "not a number", odd: true };
  if (kind === "category" && value !== null && !values.includes(value)) return { words: "not met in training", odd: true };
  if (low === undefined || low === null) return { words: "", odd: false };
  const odd = value !== null && (value < low || value > high);
  return { words: `${odd ? "outside of training: " : ""}${low} to ${high}`, odd };
}
