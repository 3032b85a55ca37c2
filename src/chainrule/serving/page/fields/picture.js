// Images that are dropped, pasted or chosen: shown as the model frames them, and made small enough to send.

import { Trouble } from "../server.js";

const READ = /^image\/(png|jpeg|webp|gif|bmp)$/;
const LARGEST_FILE = 8 * 1024 * 1024;
const SMALLER = 1024; // longer side in pixels after scaling down

// Draws the file into `canvas`, cut to the model's proportions. Returns { body, note }: what to send, and in words what
// was done to it. A file that the server would refuse for its size or kind is scaled down or written anew first.
export async function openImage(file, canvas, { width, height, fit = "cut", max_pixels: most = Infinity }) {
  let picture;
  try {
    picture = await createImageBitmap(file);
  } catch {
    if (!READ.test(file.type)) throw new Trouble(400, "This is not an image that the browser can open.", 0);
    canvas.hidden = true;
    return { body: file, note: name(file) }; // the server may know better, or says what is wrong
  }
  const cut = width && height && fit === "cut"; // null: any size
  frame(picture, canvas, cut ? width / height : picture.width / picture.height);
  const fine = READ.test(file.type) && file.size <= LARGEST_FILE && picture.width * picture.height <= most;
  const note = `${name(file)}, ${picture.width} × ${picture.height}`;
  if (fine) return { body: file, note };
  const factor = Math.min(1, SMALLER / Math.max(picture.width, picture.height));
  const small = new OffscreenCanvas(Math.max(1, Math.round(picture.width * factor)), Math.max(1, Math.round(picture.height * factor)));
  small.getContext("2d").drawImage(picture, 0, 0, small.width, small.height);
  return { body: await small.convertToBlob({ type: "image/png" }), note: `${note}, sent as ${small.width} × ${small.height}` };
}

function frame(picture, canvas, proportion) {
  const wide = Math.min(picture.width, picture.height * proportion);
  const high = wide / proportion;
  const times = Math.min(1, 720 / Math.max(wide, high));
  canvas.width = Math.max(1, Math.round(wide * times));
  canvas.height = Math.max(1, Math.round(high * times));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  const [left, top] = [(picture.width - wide) / 2, (picture.height - high) / 2];
  context.drawImage(picture, left, top, wide, high, 0, 0, canvas.width, canvas.height);
  canvas.classList.toggle("coarse", Math.max(wide, high) < 128);
  canvas.hidden = false;
}

function name(file) {
  return file.name || "pasted image";
}
