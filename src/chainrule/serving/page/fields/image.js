// An image as a field of a request: drawn, or a file that is chosen, pasted or dropped.

import { element } from "../markdown.js";
import { createPad, render } from "./pad.js";
import { openImage } from "./picture.js";

const WAIT = { draw: 30, file: 0 }; // ms of quiet before a request
const LARGEST_DRAWN = 64; // side in pixels of an image that a hand can draw as the model saw it
const FORMATS = ["png", "jpeg", "webp", "gif", "bmp"].map((format) => `image/${format}`);
const NOTE = "PNG, JPEG, WebP, GIF or BMP";
const KEYS =
  "Draw with a mouse, a finger or a pen. By keyboard: arrow keys move the pen, with Shift further; Space puts it down or " +
  "lifts it; Backspace takes the last stroke back; Delete clears.";

// field: its name, its title or "", the rules of its preprocessing, whether it may be left out, whether the model reads
// digits, strokes to begin with or nothing; told: `changed` when the input does, `dropped` when what was asked about is gone, `refused` with a Trouble
// when a file is none.
export function createField({ name, title, rules, optional, digits, example }, told) {
  const id = `field-${name}`;
  const draws = drawable(rules);
  const parts = markup(id);
  let size = rules;
  let image = null; // what openImage returned
  let taken = 0; // counts changes: a file that opens after another one, or after a stroke, is too late

  const pad = createPad(parts.pad, () => {
    taken += 1;
    showSeen();
    told.changed();
  });

  function way() {
    return parts.draw.checked ? "draw" : "file";
  }

  function showSeen() {
    const empty = !pad.strokes().length;
    parts.hint.hidden = !empty && !pad.isExample();
    parts.hint.textContent = empty ? "Draw here" : "An example: draw over it";
    parts.hint.classList.toggle("low", !empty);
    parts.seen.width = size.width;
    parts.seen.height = size.height;
    if (empty) return;
    const options = { digits, dark: parts.dark.checked };
    parts.seen.getContext("2d").drawImage(render(pad.strokes(), size.width, size.height, options), 0, 0);
  }

  function showWay() {
    parts.drawing.hidden = way() !== "draw";
    parts.file.hidden = way() !== "file";
    parts.title.textContent = title || { draw: "Draw", file: "Image" }[way()];
    if (way() === "draw") pad.paint();
  }

  async function take(file) {
    if (!file) return;
    parts.upload.checked = true;
    showWay();
    told.dropped();
    if (pad.isExample()) pad.clear();
    const mine = (taken += 1);
    try {
      const opened = await openImage(file, parts.shown, size);
      if (mine !== taken) return;
      image = opened;
      parts.note.textContent = opened.note;
      parts.remove.hidden = !optional;
      told.changed();
    } catch (trouble) {
      if (mine !== taken) return;
      image = null;
      parts.shown.hidden = true;
      told.refused(trouble);
    } finally {
      parts.dropHint.hidden = !parts.shown.hidden;
    }
  }

  parts.ways.addEventListener("change", () => {
    taken += 1;
    told.dropped();
    showWay();
    told.changed();
  });
  parts.remove.addEventListener("click", () => {
    taken += 1;
    image = null;
    parts.shown.hidden = parts.remove.hidden = true;
    parts.dropHint.hidden = false;
    parts.note.textContent = NOTE;
    told.changed();
  });
  parts.undo.addEventListener("click", pad.undo);
  parts.clear.addEventListener("click", pad.clear);
  parts.dark.addEventListener("change", () => pad.setDark(parts.dark.checked));
  parts.chooser.addEventListener("change", () => {
    take(parts.chooser.files[0]);
    parts.chooser.value = ""; // the same file may be chosen again
  });
  parts.ways.hidden = !draws;
  parts[draws ? "draw" : "upload"].checked = true;
  parts.seenSize.textContent = `${size.width} × ${size.height} pixels`;
  pad.showExample((draws && example) || []);
  showWay();
  return {
    element: parts.element,
    wait: () => WAIT[way()],
    isEmpty: () => (way() === "draw" ? !pad.strokes().length : !image),
    isExample: () => way() === "draw" && pad.isExample(),
    async content() {
      if (way() === "file") return { body: image.body, type: image.body.type };
      const body = await new Promise((resolve) => parts.seen.toBlob(resolve, "image/png"));
      return { body, type: "image/png" };
    },
    take,
    renew(rules) {
      size = rules;
      showSeen();
    },
    repaint: pad.paint,
    close() {
      taken += 1;
    },
  };
}

function drawable({ mode, width, height }) {
  return mode === "L" && width && height && Math.max(width, height) <= LARGEST_DRAWN; // null: any size
}

// Returns the nodes of a field by what they are for.
function markup(id) {
  const parts = {
    title: element("h2"),
    draw: element("input", { type: "radio", name: `${id}-way`, value: "draw" }),
    upload: element("input", { type: "radio", name: `${id}-way`, value: "file" }),
    pad: element("canvas", {
      id: `${id}-pad`, class: "pad", tabindex: 0, role: "application", "aria-label": "Drawing pad", "aria-describedby": `${id}-keys`,
    }),
    hint: element("p", { class: "hint", id: `${id}-hint`, "aria-hidden": "true" }),
    seen: element("canvas", { id: `${id}-seen`, class: "pixels", role: "img", "aria-label": "What the model sees" }),
    seenSize: element("span", { class: "quiet" }),
    undo: element("button", { type: "button" }, "Undo"),
    clear: element("button", { type: "button", id: `${id}-clear` }, "Clear"),
    dark: element("input", { type: "checkbox" }),
    shown: element("canvas", { id: `${id}-shown`, class: "shown", role: "img", "aria-label": "The chosen image" }),
    dropHint: element("p", { class: "hint" }, "Drop or paste an image here"),
    note: element("p", { class: "quiet", id: `${id}-note` }, NOTE),
    remove: element("button", { type: "button", id: `${id}-remove` }, "Remove"),
    chooser: element("input", { type: "file", id: `${id}-chooser`, class: "chooser", accept: FORMATS.join() }),
  };
  parts.shown.hidden = parts.remove.hidden = true;
  parts.ways = element(
    "fieldset",
    { class: "switch" },
    element("legend", { class: "hidden" }, "How to give an image"),
    element("label", {}, parts.draw, element("span", {}, "Draw")),
    element("label", {}, parts.upload, element("span", {}, "Image")),
  );
  parts.drawing = element(
    "div",
    {},
    element("div", { class: "frame" }, parts.pad, parts.hint),
    element("p", { class: "hidden", id: `${id}-keys` }, KEYS),
    element(
      "div",
      { class: "under tight" },
      element("div", { class: "seen" }, parts.seen, element("p", {}, "The model sees", element("br"), parts.seenSize)),
      element("div", { class: "row" }, parts.undo, parts.clear),
    ),
    element("label", { class: "check" }, parts.dark, " Dark ink on a light ground"),
  );
  parts.file = element(
    "div",
    {},
    element("div", { class: "frame drop" }, parts.shown, parts.dropHint),
    element(
      "div",
      { class: "under" },
      parts.note,
      element(
        "div",
        { class: "row" },
        parts.remove,
        element("label", { class: "button", for: `${id}-chooser` }, "Choose an image", parts.chooser),
      ),
    ),
  );
  const bar = element("div", { class: "bar" }, parts.title, parts.ways);
  parts.element = element("section", { class: "field" }, bar, parts.drawing, parts.file);
  return parts;
}
