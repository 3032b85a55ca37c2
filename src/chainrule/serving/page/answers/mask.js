// The view of an answer that is a mask: it lies over the image, as strong as a slider says, beside the classes' shares.

import { element } from "../markdown.js";

const SHOWN = 12; // of more classes those with the most pixels are shown

// Shows answers in `place`. `show` returns what is read out; `clear` empties. `sent` is the image file.
export function createView(place) {
  const image = element("img", { class: "under", alt: "" });
  const mask = element("img", { class: "over", alt: "" });
  const stack = element("div", { class: "mask" }, image, mask);
  const slider = element("input", { type: "range", id: "mask-strength", min: "0", max: "100", value: "60" });
  const label = element("label", { for: "mask-strength" }, "Mask over the image");
  const list = element("ol", { class: "bars", id: "bars" });
  const save = element("a", { class: "quiet", id: "mask-file", download: "mask.png" }, "Save the mask as PNG");
  let address = null;

  slider.addEventListener("input", fade);
  function fade() {
    mask.style.opacity = String(Number(slider.value) / 100);
  }

  function under(sent) {
    if (address) URL.revokeObjectURL(address);
    address = sent instanceof Blob ? URL.createObjectURL(sent) : null;
    image.hidden = !address;
    if (address) image.src = address;
  }

  function row({ class: name, colour, share }) {
    const fill = element("span", { class: "fill" });
    fill.style.transform = `scaleX(${share})`;
    fill.style.background = colour;
    const mark = element("span", { class: "swatch", "aria-hidden": "true" });
    mark.style.background = colour;
    return element(
      "li",
      {},
      element("span", { class: "label", title: name }, mark, name),
      element("span", { class: "track", "aria-hidden": "true" }, fill),
      element("span", { class: "share" }, `${(100 * share).toFixed(1)} %`),
    );
  }

  function clear() {
    stack.hidden = save.hidden = true;
    list.replaceChildren();
  }

  function show(found, sent) {
    mask.src = `data:image/png;base64,${found.mask}`;
    mask.alt = `A mask of ${found.width} by ${found.height} pixels`;
    save.href = mask.src;
    stack.hidden = save.hidden = false;
    under(sent);
    const there = found.classes.filter(({ pixels }) => pixels).sort((one, other) => other.pixels - one.pixels);
    list.replaceChildren(...there.slice(0, SHOWN).map(row));
    return there.slice(0, 3).map(({ class: name, share }) => `${name} ${Math.round(100 * share)} %`).join(", ");
  }

  place.replaceChildren(stack, element("p", { class: "strength" }, label, slider), list, save);
  fade();
  clear();
  return { show, clear };
}
