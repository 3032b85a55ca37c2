// A user, and maybe an item, as a field of a request: names to choose or type, how long a list, and features of both.

import { element } from "../markdown.js";

const WAIT = 150; // ms of quiet before a request
const UNKNOWN = "not known"; // how an empty control reads

// field: its name, its title or "", and of its preprocessing users, items and features; told: `changed` when the row does.
export function createField({ name, title, rules }, told) {
  const form = element("div", { class: "columns", id: `field-${name}` });
  const said = element("p", { class: "quiet", id: `field-${name}-said` });
  const again = element("button", { type: "button", id: `field-${name}-again` }, "Most active user");
  const empty = element("button", { type: "button", id: `field-${name}-clear` }, "Clear");
  let known = rules;
  let touched = false; // by the user: the row is theirs
  let controls = {};

  function build(row) {
    const id = (of) => `field-${name}-${of}`;
    controls = {
      user: named(id("user"), "user", known.users, "nobody in particular"),
      item: named(id("item"), "item", known.items, "none: the list alone"),
      k: counted(id("k"), known),
      ...Object.fromEntries(known.features.map((each) => [each.name, feature(id(each.name), each)])),
    };
    form.replaceChildren(...Object.values(controls).map(({ whole }) => whole));
    for (const [of, { control }] of Object.entries(controls)) control.value = row[of] ?? "";
    note();
  }

  function note() {
    said.textContent = touched ? "" : "The user of most training rows: type another";
    for (const role of ["user", "item"]) {
      const { control, hint } = controls[role];
      const shown = known[`${role}s`];
      const value = control.value.trim();
      hint.textContent = value && !shown.includes(value) ? `none of the ${shown.length} ${role}s with most training rows` : "";
    }
  }

  function set(row, mine) {
    touched = mine;
    build(row);
    told.changed();
  }

  form.addEventListener("input", () => {
    touched = true;
    note();
    told.changed();
  });
  empty.addEventListener("click", () => set({ k: known.usual }, true));
  again.addEventListener("click", () => set(usual(known), false));
  build(usual(known));
  return {
    element: element(
      "section",
      { class: "field" },
      element("div", { class: "bar" }, element("h2", {}, title || "User")),
      form,
      element("div", { class: "under" }, said, element("div", { class: "row" }, again, empty)),
    ),
    wait: () => WAIT,
    isEmpty: () => false,
    isExample: () => !touched,
    content: async () => ({ body: JSON.stringify(row()), type: "application/json" }),
    renew(rules) {
      if (JSON.stringify(rules) === JSON.stringify(known)) return;
      const kept = touched ? row() : usual(rules);
      known = rules;
      build(kept);
    },
    repaint() {},
    close() {},
  };

  function row() {
    return Object.fromEntries(Object.entries(controls).map(([of, { read }]) => [of, read()]));
  }
}

// Returns a row to begin with: the user of most training rows, and a list of the usual length.
export function usual(rules) {
  return { user: rules.users[0], item: null, k: rules.usual };
}

function labelled(id, words, control, ...more) {
  const hint = element("small", { id: `${id}-hint` });
  control.setAttribute("aria-describedby", hint.id);
  const whole = element("div", { class: "column" }, element("label", { for: id, title: words }, words), control, ...more, hint);
  return { whole, control, hint, read: () => control.value.trim() || null };
}

function named(id, words, values, placeholder) {
  const list = element("datalist", { id: `${id}-list` }, ...values.map((value) => element("option", { value })));
  return labelled(id, words, element("input", { id, type: "text", placeholder, list: list.id }), list);
}

function counted(id, { usual, most }) {
  const control = element("input", { id, type: "number", min: 1, max: most, step: 1 });
  return { ...labelled(id, "items listed", control), read: () => Math.min(most, Math.max(1, Math.round(Number(control.value)) || usual)) };
}

function feature(id, { name, kind, values }) {
  if (kind === "number") {
    const found = labelled(id, name, element("input", { id, type: "number", step: "any", placeholder: UNKNOWN }));
    return { ...found, read: () => (found.control.value.trim() === "" ? null : Number(found.control.value)) };
  }
  return named(id, name, values, UNKNOWN);
}
