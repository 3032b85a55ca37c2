// The view of words that are near: a list with cosines, and a map of them around what was asked for.

import { element } from "../markdown.js";

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT, MARGIN] = [640, 360, 48];

// Shows answers in `place`. `show` returns what is read out; `clear` empties.
export function createView(place) {
  const best = element("span", { id: "nearest", dir: "auto" });
  const share = element("span", { id: "nearest-cosine" });
  const list = element("ol", { class: "bars", id: "neighbours" });
  const map = element("figure", { id: "map" });
  const about = element("p", { class: "quiet" });

  function clear() {
    best.textContent = "–";
    share.textContent = about.textContent = "";
    list.replaceChildren();
    map.replaceChildren();
  }

  function row({ word, cosine }) {
    const fill = element("span", { class: "fill" });
    fill.style.transform = `scaleX(${Math.max(0, cosine)})`;
    const name = element("span", { class: "label", title: word, dir: "auto" }, word);
    const track = element("span", { class: "track", "aria-hidden": "true" }, fill);
    return element("li", {}, name, track, element("span", { class: "share" }, cosine.toFixed(2)));
  }

  function show(found) {
    const [first] = found.neighbours;
    if (!first) {
      clear();
      return "no word is near";
    }
    best.textContent = first.word;
    share.textContent = first.cosine.toFixed(2);
    list.replaceChildren(...found.neighbours.map(row));
    map.replaceChildren(drawn(found));
    about.textContent =
      "Cosines of their vectors. On the map (●: what was asked for) words are near that are alike, as far as two directions can tell.";
    return found.neighbours.slice(0, 5).map(({ word }) => word).join(", ");
  }

  place.replaceChildren(element("p", { class: "verdict" }, best, share), list, map, about);
  clear();
  return { show, clear };
}

function drawn(found) {
  const points = [found, ...found.neighbours];
  const [x, y] = [scale(points.map((each) => each.x), WIDTH), scale(points.map((each) => -each.y), HEIGHT)];
  const words = found.neighbours.map((each) => each.word).join(", ");
  const svg = node("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: "100%", role: "img", "aria-label": `A map of ${words}` });
  svg.append(node("circle", { cx: x(found.x), cy: y(-found.y), r: 6, fill: "currentColor" }));
  for (const each of found.neighbours) {
    const text = node("text", {
      x: x(each.x), y: y(-each.y), "text-anchor": "middle", "font-size": 14, fill: "currentColor", opacity: 0.4 + 0.6 * Math.max(0, each.cosine),
    });
    text.textContent = each.word;
    svg.append(text);
  }
  return svg;
}

// Returns a function from values to pixels that leaves a margin at either end.
function scale(values, size) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return (value) => (high > low ? MARGIN + ((size - 2 * MARGIN) * (value - low)) / (high - low) : size / 2);
}

function node(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
