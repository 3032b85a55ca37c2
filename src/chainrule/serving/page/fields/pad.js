// The drawing pad: strokes by mouse, finger, pen or keyboard, and how they become what a small net was trained on.

const LINE = 0.075; // width of a stroke on the pad, in sides of the pad

// strokes: lists of [x, y] in 0..1. `changed` is called after every change of them.
export function createPad(canvas, changed) {
  const context = canvas.getContext("2d");
  let strokes = [];
  let current = null; // the stroke of a pointer that is down
  let pen = null; // the keyboard's pen: { x, y, stroke or null }
  let dark = false;
  let example = false; // what is on the pad was not drawn by anybody: the first own stroke takes its place

  function paint() {
    const side = Math.round(canvas.clientWidth * (window.devicePixelRatio || 1));
    if (!side) return;
    if (canvas.width !== side) canvas.width = canvas.height = side;
    const look = getComputedStyle(canvas);
    const [ground, ink] = ["--ground", "--ink"].map((name) => look.getPropertyValue(name));
    context.fillStyle = dark ? ink : ground;
    context.fillRect(0, 0, side, side);
    drawLines(context, strokes, { scaleX: side, scaleY: side, width: LINE * side, colour: dark ? ground : ink });
    if (pen) crosshair(side, look.getPropertyValue("--accent-pad"));
  }

  function crosshair(side, colour) {
    context.strokeStyle = context.fillStyle = colour;
    context.lineWidth = Math.max(2, side / 150);
    context.beginPath();
    context.arc(pen.x * side, pen.y * side, (LINE * side) / 1.6, 0, 2 * Math.PI);
    if (pen.stroke) context.fill();
    else context.stroke();
  }

  function update() {
    paint();
    changed();
  }

  function place(event) {
    const box = canvas.getBoundingClientRect();
    const inside = (value) => Math.min(1, Math.max(0, value));
    return [inside((event.clientX - box.left) / box.width), inside((event.clientY - box.top) / box.height)];
  }

  function begin(stroke) {
    if (example) strokes = [];
    example = false;
    strokes.push(stroke);
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (!event.isPrimary || event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    pen = null;
    current = [place(event)];
    begin(current);
    update();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!current || !event.isPrimary) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const one of events.length ? events : [event]) current.push(place(one));
    update();
  });
  for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
    canvas.addEventListener(name, () => {
      current = null;
    });
  }

  canvas.addEventListener("keydown", (event) => {
    if (event.altKey || event.metaKey || (event.ctrlKey && event.key.toLowerCase() !== "z")) return;
    if (!key(event.ctrlKey ? "Backspace" : event.key, event.shiftKey ? 0.1 : 0.025)) return;
    event.preventDefault();
  });
  canvas.addEventListener("blur", () => {
    pen = null;
    paint();
  });

  // Returns whether the key means something here.
  function key(name, step) {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[name];
    if (name === "Backspace") undo();
    else if (name === "Delete") clear();
    else if (way || name === " ") movePen(way, step);
    else return false;
    return true;
  }

  function movePen(way, step) {
    pen ??= { x: 0.5, y: 0.5, stroke: null };
    if (way) {
      pen.x = Math.min(0.95, Math.max(0.05, pen.x + way[0] * step));
      pen.y = Math.min(0.95, Math.max(0.05, pen.y + way[1] * step));
      pen.stroke?.push([pen.x, pen.y]);
    } else if (pen.stroke) {
      pen.stroke = null;
    } else {
      pen.stroke = [[pen.x, pen.y]];
      begin(pen.stroke);
    }
    if (pen.stroke) update();
    else paint();
  }

  function undo() {
    if (pen) pen.stroke = null;
    strokes.pop();
    example = false;
    update();
  }

  function clear() {
    if (pen) pen.stroke = null;
    strokes = [];
    example = false;
    update();
  }

  new ResizeObserver(paint).observe(canvas);
  return {
    undo,
    clear,
    paint,
    strokes: () => strokes,
    isExample: () => example,
    showExample(drawn) {
      strokes = [...drawn];
      example = drawn.length > 0;
      update();
    },
    setDark(value) {
      dark = value;
      update();
    },
  };
}

// Returns a canvas of width x height pixels with the strokes as the training rows would show them: grey levels, light
// ink on dark unless `dark`.
export function render(strokes, width, height, { digits, dark }) {
  const times = Math.max(4, Math.ceil(256 / Math.max(width, height)));
  const large = new OffscreenCanvas(width * times, height * times);
  const context = large.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "#000";
  context.fillRect(0, 0, large.width, large.height);
  drawLines(context, strokes, { ...fit(strokes, large.width, large.height, digits && width), colour: "#fff" });
  const levels = averaged(context.getImageData(0, 0, large.width, large.height).data, width, height, times);
  const small = document.createElement("canvas");
  small.width = width;
  small.height = height;
  const pixels = new ImageData(width, height);
  levels.forEach((level, index) => {
    const value = dark ? 255 - level : level;
    pixels.data.set([value, value, value, 255], 4 * index);
  });
  small.getContext("2d").putImageData(pixels, 0, 0);
  return small;
}

// Returns scale, shift and line width that place the strokes on a canvas of width x height. digits: the number of columns
// of the model's image when its labels are digits, which data sets centre and scale; anything else stays as drawn.
function fit(strokes, width, height, digits) {
  if (!digits) return { scaleX: width, scaleY: height, width: LINE * Math.min(width, height) };
  return digits <= 16 ? likeOptical(strokes, width, height) : likeMnist(strokes, width, height);
}

// Optical recognition of handwritten digits (Alpaydin and Kaynak 1998): every digit fills the height and at most three
// quarters of the width, and all have about as much ink, 30% of the area, so a short line is a thick one.
function likeOptical(strokes, width, height) {
  const box = bounds(strokes);
  let line = height / 8;
  let placed = null;
  for (let round = 0; round < 3; round += 1) {
    const fillX = (0.75 * width - line) / Math.max(box.width, 0.01);
    // What is wider than high is stretched, but a dash does not become a wall.
    const scaleY = Math.min((height - line) / Math.max(box.height, 0.01), 2.5 * fillX);
    const scaleX = Math.min(scaleY, fillX);
    placed = { scaleX, scaleY, width: line };
    const ink = (0.305 * width * height) / Math.max(length(strokes, scaleX, scaleY), 1);
    line = Math.min(height / 3.6, Math.max(height / 7.5, ink));
  }
  return {
    ...placed,
    shiftX: width / 2 - (box.left + box.width / 2) * placed.scaleX,
    shiftY: height / 2 - (box.top + box.height / 2) * placed.scaleY,
  };
}

// MNIST (LeCun et al. 1998): 20 of 28 pixels for the longer side, the centre of the ink in the middle.
function likeMnist(strokes, width, height) {
  const box = bounds(strokes);
  const line = 0.085 * width;
  const scale = ((20 / 28) * width - line) / Math.max(box.width, box.height, 0.05);
  const [x, y] = centre(strokes);
  return { scaleX: scale, scaleY: scale, width: line, shiftX: width / 2 - x * scale, shiftY: height / 2 - y * scale };
}

function drawLines(context, strokes, { scaleX, scaleY, shiftX = 0, shiftY = 0, width, colour }) {
  const at = ([x, y]) => [x * scaleX + shiftX, y * scaleY + shiftY];
  context.lineWidth = width;
  context.lineCap = context.lineJoin = "round";
  context.strokeStyle = colour;
  for (const stroke of strokes) {
    const points = stroke.map(at);
    context.beginPath();
    context.moveTo(...points[0]);
    // Through the middles of the segments, so that corners between samples are round.
    for (let index = 1; index < points.length - 1; index += 1) {
      const [x, y] = points[index];
      const [nextX, nextY] = points[index + 1];
      context.quadraticCurveTo(x, y, (x + nextX) / 2, (y + nextY) / 2);
    }
    context.lineTo(...points.at(-1)); // of a single point too: a round dot
    context.stroke();
  }
}

function bounds(strokes) {
  const points = strokes.flat();
  const [left, top] = [0, 1].map((axis) => Math.min(...points.map((point) => point[axis])));
  const [right, bottom] = [0, 1].map((axis) => Math.max(...points.map((point) => point[axis])));
  return { left, top, width: right - left, height: bottom - top };
}

function segments(strokes) {
  return strokes.flatMap((stroke) => stroke.slice(1).map((end, index) => [stroke[index], end]));
}

function length(strokes, scaleX, scaleY) {
  return segments(strokes).reduce((sum, [[x, y], [u, v]]) => sum + Math.hypot((u - x) * scaleX, (v - y) * scaleY), 0);
}

// Where the ink's weight is: the middles of the segments by their lengths.
function centre(strokes) {
  let [sumX, sumY, sum] = [0, 0, 0];
  for (const [[x, y], [u, v]] of segments(strokes)) {
    const weight = Math.hypot(u - x, v - y);
    sumX += (weight * (x + u)) / 2;
    sumY += (weight * (y + v)) / 2;
    sum += weight;
  }
  return sum ? [sumX / sum, sumY / sum] : strokes[0][0];
}

// The mean grey of blocks of times x times pixels of RGBA data.
function averaged(data, width, height, times) {
  const sums = new Float64Array(width * height);
  for (let y = 0; y < height * times; y += 1) {
    for (let x = 0; x < width * times; x += 1) {
      sums[Math.floor(y / times) * width + Math.floor(x / times)] += data[4 * (y * width * times + x)];
    }
  }
  return Array.from(sums, (sum) => Math.round(sum / (times * times)));
}
