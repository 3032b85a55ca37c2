// The view of what is said of a user: the value of one item in large where one was named, and the list of the first.

import { element, plural } from "../markdown.js";

const DIGITS = 3;

// Shows answers in `place`; called: what a value is, "rating" or "score". `show` returns what is read out; `clear` empties.
export function createRanked(place, called) {
  const value = element("span", { id: "value" });
  const about = element("span", { class: "quiet", id: "about" });
  const doubt = element("p", { class: "quiet", id: "doubt" });
  const list = element("ol", { class: "bars", id: "bars" });
  place.replaceChildren(element("p", { class: "verdict" }, value, " ", about), doubt, list);

  function clear() {
    value.textContent = "–";
    about.textContent = doubt.textContent = "";
    list.replaceChildren();
  }

  function show(found) {
    const first = found.items[0];
    const one = found[called] !== undefined;
    value.textContent = one ? digits(found[called]) : first?.item ?? "–";
    about.textContent = one ? `${called}, place ${found.rank} in the list` : first ? `first of the list, ${called} ${digits(first[called])}` : "";
    doubt.textContent = doubts(found);
    const [least, most] = ends(found.items.map((each) => each[called]));
    list.replaceChildren(...found.items.map((each) => bar(each.item, each[called], least, most)));
    const read = found.items.slice(0, 3).map(({ item }) => item);
    return [one ? `${called} ${digits(found[called])}` : "", read.join(", "), doubt.textContent].filter(Boolean).join("; ");
  }

  clear();
  return { show, clear };
}

// A bar from a little below the least value of the list to its largest.
function bar(item, value, least, most) {
  const fill = element("span", { class: "fill" });
  fill.style.transform = `scaleX(${most > least ? 0.1 + (0.9 * (value - least)) / (most - least) : 1})`;
  return element(
    "li",
    {},
    element("span", { class: "label", title: item }, item),
    element("span", { class: "track", "aria-hidden": "true" }, fill),
    element("span", { class: "share" }, digits(value)),
  );
}

function ends(values) {
  return [Math.min(...values), Math.max(...values)];
}

function doubts({ user_known, user_rows, item_known }) {
  const said = [user_known ? plural(user_rows, "training row") : "training did not meet this user: what is said is what most like"];
  if (item_known === false) said.push("training did not meet this item");
  return said.join("; ");
}

function digits(value) {
  return String(Number(value.toPrecision(DIGITS)));
}
