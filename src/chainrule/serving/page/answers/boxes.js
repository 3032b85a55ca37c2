// The view of an answer that is boxes: they lie over the image, those that are likelier than a slider says.

import { element } from "../markdown.js";

const LEAST = 0.05; // probability from which on boxes are asked for, so that the slider may go below the model's own line
const LISTED = 12;
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a6d00", "#5b5b5b"];
const SVG = "http://www.w3.org/2000/svg";

// Shows answers in `place`. `show` returns what is read out; `clear` empties. `sent` is the image file.
export function createView(place, { target }) {
  const colour = (name) => COLOURS[target.classes.indexOf(name) % COLOURS.length];
  const image = element("img", { class: "under", alt: "" });
  const over = document.createElementNS(SVG, "svg");
  over.setAttribute("class", "over");
  over.setAttribute("role", "img");
  const stack = element("div", { class: "boxes" }, image, over);
  const slider = element("input", { type: "range", id: "box-threshold", min: String(100 * LEAST), max: "99" });
  slider.value = String(Math.round(100 * target.threshold));
  const output = element("output", { for: "box-threshold" });
  const label = element("label", { for: "box-threshold" }, "Boxes from a probability of");
  const list = element("ol", { class: "bars", id: "bars" });
  let address = null;
  let found = null;

  slider.addEventListener("input", draw);

  function under(sent) {
    if (address) URL.revokeObjectURL(address);
    address = sent instanceof Blob ? URL.createObjectURL(sent) : null;
    image.hidden = !address;
    if (address) image.src = address;
  }

  function shape(name, attributes, ...inside) {
    const node = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value));
    node.append(...inside);
    return node;
  }

  function drawn({ label: name, probability, left, top, right, bottom }) {
    const said = `${name} ${probability.toFixed(2)}`;
    const box = { x: left, y: top, width: right - left, height: bottom - top, stroke: colour(name) };
    return shape("rect", box, shape("title", {}, said));
  }

  function row([name, count], _, often) {
    const fill = element("span", { class: "fill" });
    fill.style.transform = `scaleX(${count / often[0][1]})`;
    fill.style.background = colour(name);
    const mark = element("span", { class: "swatch", "aria-hidden": "true" });
    mark.style.background = colour(name);
    return element(
      "li",
      {},
      element("span", { class: "label", title: name }, mark, name),
      element("span", { class: "track", "aria-hidden": "true" }, fill),
      element("span", { class: "share" }, String(count)),
    );
  }

  function draw() {
    const least = Number(slider.value) / 100;
    output.textContent = least.toFixed(2);
    if (!found) return "";
    const shown = found.boxes.filter(({ probability }) => probability >= least);
    const counts = new Map();
    for (const { label: name } of shown) counts.set(name, (counts.get(name) ?? 0) + 1);
    const often = [...counts].sort((one, other) => other[1] - one[1]);
    const said = often.map(([name, count]) => `${count} ${name}`).join(", ") || "nothing";
    over.replaceChildren(...shown.reverse().map(drawn));
    over.setAttribute("aria-label", `Boxes: ${said}`);
    list.replaceChildren(...(often.length ? often.slice(0, LISTED).map(row) : [element("li", {}, "Nothing is found.")]));
    return said;
  }

  function clear() {
    found = null;
    stack.hidden = true;
    list.replaceChildren();
    over.replaceChildren();
  }

  function show(answer, sent) {
    found = answer;
    over.setAttribute("viewBox", `0 0 ${answer.width} ${answer.height}`);
    under(sent);
    stack.hidden = false;
    return draw();
  }

  place.replaceChildren(stack, element("p", { class: "strength" }, label, slider, output), list);
  clear();
  draw();
  return { show, clear, asks: `threshold=${LEAST}` };
}
