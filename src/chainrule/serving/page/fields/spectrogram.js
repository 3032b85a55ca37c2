// A spectrogram on a canvas: time from left to right, low below and high above, on the mel scale; loud is strong.

import { transform } from "./waves.js";

const WINDOW = 0.025; // seconds that a spectrum sees
const WIDEST = 600; // spectra that are drawn
const HIGH = 128; // rows of the picture
const FLOOR = 70; // decibels below the loudest that are drawn

const mel = (hertz) => 2595 * Math.log10(1 + hertz / 700);
const hertzOf = (mels) => 700 * (10 ** (mels / 2595) - 1);

// heard: seconds that the model hears; of a longer sound what lies outside of its middle is drawn pale.
export function drawSpectrogram(canvas, samples, rate, heard = Infinity) {
  const size = 2 ** Math.ceil(Math.log2(WINDOW * rate));
  const count = Math.max(1, Math.min(WIDEST, Math.floor(samples.length / (0.005 * rate))));
  const spectra = Array.from({ length: count }, (_, at) => decibels(samples, Math.round((at * samples.length) / count), size));
  const rows = Array.from({ length: HIGH }, (_, row) => {
    const hertz = hertzOf((mel(rate / 2) * (HIGH - 0.5 - row)) / HIGH);
    return Math.min(size / 2, Math.round((hertz * size) / rate));
  });
  const most = spectra.reduce((top, spectrum) => spectrum.reduce((one, other) => Math.max(one, other), top), -Infinity);
  canvas.width = count;
  canvas.height = HIGH;
  const context = canvas.getContext("2d");
  const picture = context.createImageData(count, HIGH);
  const [red, green, blue] = ink(canvas);
  const outside = Math.max(0, (samples.length / rate - heard) / 2 / (samples.length / rate)) * count;
  for (let row = 0; row < HIGH; row += 1) {
    for (let at = 0; at < count; at += 1) {
      const share = Math.max(0, 1 + (spectra[at][rows[row]] - most) / FLOOR);
      const pale = at < outside - 1 || at > count - outside ? 0.3 : 1;
      picture.data.set([red, green, blue, 255 * share * pale], 4 * (row * count + at));
    }
  }
  context.putImageData(picture, 0, 0);
}

function decibels(samples, middle, size) {
  const [real, imaginary] = [new Float64Array(size), new Float64Array(size)];
  for (let at = 0; at < size; at += 1) {
    const place = middle + at - size / 2;
    const hann = 0.5 - 0.5 * Math.cos((2 * Math.PI * at) / size);
    real[at] = hann * (samples[place] ?? 0);
  }
  transform(real, imaginary);
  return real.subarray(0, size / 2 + 1).map((part, at) => 10 * Math.log10(part ** 2 + imaginary[at] ** 2 + 1e-12));
}

// The colour of text on the page, so that a dark page has a light spectrogram.
function ink(canvas) {
  return (getComputedStyle(canvas).color.match(/[\d.]+/g) ?? [0, 0, 0]).slice(0, 3).map(Number);
}
