// A sound as a field of a request: recorded, or a file that is chosen, pasted or dropped; shown as its spectrogram.

import { element } from "../markdown.js";
import { Trouble } from "../server.js";
import { drawSpectrogram } from "./spectrogram.js";
import { middle, toWav } from "./waves.js";

const LONGEST_FILE = 8 * 1024 * 1024;
const READ = /^audio\/(wav|x-wav|wave|vnd\.wave|flac|x-flac|ogg|mpeg|mp3)$/;
const FORMATS = ".wav,.flac,.ogg,.oga,.mp3,audio/*";
const MOST_RECORDED = 30; // seconds after which a recording ends by itself

// field: its name, its title or "", the rules of its preprocessing; told: `changed` when the input does, `dropped` when
// what was asked about is gone, `refused` with a Trouble when a file is none.
export function createField({ name, title, rules }, told) {
  const parts = markup(`field-${name}`, title);
  let most = rules;
  let sound = null; // { body, samples, rate }
  let recorder = null;
  let taken = 0; // counts changes: what opens after another sound, or after a recording began, is too late

  async function take(file, said) {
    if (!file) return;
    const mine = (taken += 1);
    told.dropped();
    try {
      const opened = await open(file, most);
      if (mine !== taken) return;
      sound = opened;
      const seconds = (opened.samples.length / opened.rate).toFixed(2);
      parts.note.textContent = `${said ?? file.name ?? "pasted sound"}, ${seconds} s${opened.note}`;
      show();
      told.changed();
    } catch (trouble) {
      if (mine !== taken) return;
      sound = null;
      show();
      told.refused(trouble);
    }
  }

  function show() {
    parts.shown.hidden = parts.player.hidden = !sound;
    parts.hint.hidden = Boolean(sound);
    if (parts.player.src) URL.revokeObjectURL(parts.player.src);
    if (!sound) return;
    parts.player.src = URL.createObjectURL(sound.body);
    drawSpectrogram(parts.shown, sound.samples, sound.rate, most.samples / most.rate);
  }

  async function record() {
    if (recorder) return recorder.stop();
    const mine = (taken += 1);
    told.dropped();
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: { autoGainControl: false, noiseSuppression: false } });
    } catch (error) {
      const why = window.isSecureContext ? error.message : "only a page over HTTPS or on this machine may listen";
      return told.refused(new Trouble(400, `The microphone cannot be used: ${why}.`, 0));
    }
    if (mine !== taken) return stream.getTracks().forEach((track) => track.stop());
    const pieces = [];
    recorder = new MediaRecorder(stream);
    const end = setTimeout(() => recorder?.stop(), 1000 * Math.min(MOST_RECORDED, most.max_seconds ?? MOST_RECORDED));
    recorder.addEventListener("dataavailable", ({ data }) => pieces.push(data));
    recorder.addEventListener("stop", () => {
      clearTimeout(end);
      stream.getTracks().forEach((track) => track.stop());
      const { mimeType } = recorder;
      recorder = null;
      parts.record.textContent = "Record";
      parts.record.classList.remove("running");
      if (mine === taken) take(new Blob(pieces, { type: mimeType }), "recorded");
    });
    recorder.start();
    parts.record.textContent = "Stop";
    parts.record.classList.add("running");
    parts.note.textContent = "Listening…";
  }

  parts.record.hidden = !(navigator.mediaDevices?.getUserMedia && window.MediaRecorder);
  parts.record.addEventListener("click", record);
  parts.chooser.addEventListener("change", () => {
    take(parts.chooser.files[0]);
    parts.chooser.value = ""; // the same file may be chosen again
  });
  show();
  return {
    element: parts.element,
    wait: () => 0,
    isEmpty: () => !sound,
    isExample: () => false,
    content: async () => ({ body: sound.body, type: sound.body.type }),
    take,
    renew(rules) {
      most = rules;
      show();
    },
    repaint: show,
    close() {
      taken += 1;
      recorder?.stop();
    },
  };
}

// Returns { body, samples, rate, note }: what to send, and what is shown of it. What the server reads is sent as it is;
// what only the browser reads, or is large, as WAV at the model's rate.
async function open(file, { rate, max_seconds: most = Infinity }) {
  const context = new OfflineAudioContext(1, 1, rate);
  let opened;
  try {
    opened = await context.decodeAudioData(await file.arrayBuffer());
  } catch {
    throw new Trouble(400, "This is not a sound that the browser can open.", 0);
  }
  const samples = mono(opened);
  if (READ.test(file.type) && file.size <= LONGEST_FILE) return { body: file, samples, rate, note: "" };
  const kept = middle(samples, Math.floor(most * rate));
  return { body: toWav(kept, rate), samples: kept, rate, note: kept.length < samples.length ? ", its middle is sent" : "" };
}

function mono(buffer) {
  const found = new Float32Array(buffer.length);
  for (let channel = 0; channel < buffer.numberOfChannels; channel += 1) {
    const own = buffer.getChannelData(channel);
    for (let at = 0; at < found.length; at += 1) found[at] += own[at] / buffer.numberOfChannels;
  }
  return found;
}

// Returns the nodes of a field by what they are for.
function markup(id, title) {
  const parts = {
    record: element("button", { type: "button", id: `${id}-record` }, "Record"),
    shown: element("canvas", { id: `${id}-shown`, class: "spectrogram", role: "img", "aria-label": "The sound's spectrogram" }),
    hint: element("p", { class: "hint" }, "Record, or drop or paste a sound here"),
    player: element("audio", { controls: "", preload: "metadata", "aria-label": "The sound" }),
    note: element("p", { class: "quiet", id: `${id}-note` }, "WAV, FLAC, Ogg or MP3"),
    chooser: element("input", { type: "file", id: `${id}-chooser`, class: "chooser", accept: FORMATS }),
  };
  parts.element = element(
    "section",
    { class: "field" },
    element("div", { class: "bar" }, element("h2", {}, title || "Sound"), parts.record),
    element("div", { class: "frame drop sound" }, parts.shown, parts.hint),
    parts.player,
    element(
      "div",
      { class: "under" },
      parts.note,
      element("label", { class: "button", for: `${id}-chooser` }, "Choose a sound", parts.chooser),
    ),
  );
  return parts;
}
