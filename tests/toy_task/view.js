// Stars, as many as were given.

import { element } from "../../markdown.js";

export function createView(place) {
  const stars = element("span", { id: "best-label" });
  const clear = () => (stars.textContent = "–");
  place.replaceChildren(element("p", { class: "verdict" }, stars));
  clear();
  return { clear, show: (found) => (stars.textContent = "★".repeat(found.stars)) };
}
