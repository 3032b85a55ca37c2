// A text as a field of a request: a box to type or paste it into.

import { element, plural } from "../markdown.js";

const WAIT = 150; // ms of quiet before a request

// field: its name, its title or "", the rules of its preprocessing, a text to begin with or nothing; told: `changed` when
// the input does.
export function createField({ name, title, rules, example }, told) {
  const id = `field-${name}`;
  const chinese = rules.normalise?.blanks === "words" ? { lang: "zh" } : {}; // the forms that its letters have
  const box = element("textarea", { id, placeholder: "Type or paste a text; the answer follows as you type", ...chinese });
  const count = element("p", { class: "quiet", id: `${id}-count` });
  const empty = element("button", { type: "button", id: `${id}-clear` }, "Clear");
  let given = false; // the text is not the user's: the first letter of their own takes its place
  let most = rules.normalise ?? {};

  function set(text, isExample = false) {
    box.value = text;
    note(isExample);
  }

  function note(isExample) {
    given = isExample;
    box.classList.toggle("example", given);
    const length = [...box.value].length;
    const rest = length > most.max_characters && most.long !== "reject" ? "; the rest is not read" : "";
    const said = most.max_characters ? `${length} of ${most.max_characters} characters${rest}` : plural(length, "character");
    count.textContent = given ? "An example: type your own" : said;
  }

  box.addEventListener("beforeinput", () => {
    if (given) box.select();
  });
  box.addEventListener("input", () => {
    note(false);
    told.changed();
  });
  empty.addEventListener("click", () => {
    set("");
    told.changed();
    box.focus();
  });
  set(example ?? "", Boolean(example));
  return {
    element: element(
      "section",
      { class: "field" },
      element("div", { class: "bar" }, element("h2", {}, title || "Text")),
      element("label", { class: "hidden", for: id }, title || "Text"),
      box,
      element("div", { class: "under" }, count, empty),
    ),
    wait: () => WAIT,
    isEmpty: () => !box.value.trim(),
    isExample: () => given,
    content: async () => ({ body: box.value, type: "text/plain; charset=utf-8" }),
    renew(rules) {
      most = rules.normalise ?? {};
      note(given);
    },
    repaint() {},
    close() {},
  };
}
