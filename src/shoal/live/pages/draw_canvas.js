// SPDX-License-Identifier: Apache-2.0
// A canvas to draw on with mouse, finger, pen or keys. It keeps strokes, not pixels, so that every one can be undone
// and the drawing is sharp at any size; pixels are made when they are asked for. It never talks to the server.

const SIDE = 160; // pixels a side of what is sent
const STEP = 1 / 40; // of the side that an arrow key moves the pen; with Shift four times as far
const ERASER = 32; // the other end of a pen, in PointerEvent.buttons
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/**
 * Makes a canvas a drawing pad; `width` is the pen's, as a share of the side. `changed()` is called after every change
 * of the drawing, `said(words)` with what a listener needs to know, `colour(name)` gives a colour of the theme.
 */
export class Pad {
  constructor(canvas, { changed, said, colour }) {
    Object.assign(this, { canvas, changed, said, colour, width: 0.08 });
    this.brush = canvas.getContext("2d");
    this.history = []; // strokes, pictures and clearings, oldest first
    this.stroke = null; // the one being drawn
    this.pen = null; // { x, y, down } while keys are used
    this.listen();
    new ResizeObserver(() => this.fit()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.paint());
    this.describe();
  }

  isEmpty() {
    const { strokes, picture } = this.now();
    return !picture && !strokes.some((one) => !one.erases);
  }

  /** What there is as grey bytes: { width, height, values, picture }, bright ink on black unless it is a picture. */
  pixels() {
    const { strokes, picture } = this.now();
    const canvas = picture?.canvas ?? blank(SIDE, SIDE, "black");
    const brush = canvas.getContext("2d");
    // an eraser paints the ground, which here is black
    for (const one of strokes) draw(brush, { ...one, erases: false }, SIDE, one.erases ? "black" : "white");
    const { data } = brush.getImageData(0, 0, canvas.width, canvas.height);
    const values = Uint8Array.from({ length: data.length / 4 }, (_, at) => data[4 * at]);
    return { width: canvas.width, height: canvas.height, values, picture: Boolean(picture) };
  }

  undo() {
    this.lift();
    if (!this.history.pop()) return this.said("Nothing to undo");
    this.said("Undone");
    return this.happened();
  }

  clear() {
    this.lift();
    if (this.isEmpty()) return;
    this.history.push({ kind: "clearing" });
    this.said("Cleared");
    this.happened();
  }

  /** Shows a picture in place of the drawing. */
  load(bitmap) {
    this.lift();
    this.history.push({ kind: "picture", canvas: grey(bitmap) });
    this.happened();
  }

  // ---- what there is ----

  /** The strokes since the last clearing or picture; a stroke on a picture begins a new drawing. */
  now() {
    const start = this.history.findLastIndex((one) => one.kind !== "stroke") + 1;
    const strokes = this.history.slice(start);
    const before = this.history[start - 1];
    return { strokes, picture: before?.kind === "picture" && strokes.length === 0 ? before : null };
  }

  happened() {
    this.paint();
    this.describe();
    this.changed();
  }

  describe() {
    const words = this.now().picture ? "Canvas with a picture" : "Canvas with a drawing";
    this.canvas.setAttribute("aria-label", this.isEmpty() ? "Canvas, empty" : words);
  }

  begin(place, erases = false) {
    this.stroke = { kind: "stroke", points: [place], width: this.width, erases };
    this.history.push(this.stroke);
    this.happened();
  }

  add(...places) {
    this.stroke.points.push(...places);
    this.happened();
  }

  lift() {
    this.stroke = null;
    if (this.pen) this.pen.down = false;
  }

  // ---- on the screen ----

  fit() {
    const side = Math.max(Math.round(this.canvas.clientWidth * devicePixelRatio), 1);
    if (this.canvas.width !== side) this.canvas.width = this.canvas.height = side;
    this.paint();
  }

  paint() {
    const { brush, pen } = this;
    const { strokes, picture } = this.now();
    const side = this.canvas.width;
    brush.clearRect(0, 0, side, side);
    if (picture) place(brush, picture.canvas, side);
    for (const one of strokes) draw(brush, one, side, this.colour("ink"));
    if (pen) point(brush, pen, side, this.colour(pen.down ? "vermillion" : "blue"), this.width);
  }

  // ---- by pointer and by keys ----

  listen() {
    const { canvas } = this;
    const at = ({ clientX, clientY }) => {
      const box = canvas.getBoundingClientRect();
      return { x: (clientX - box.left) / box.width, y: (clientY - box.top) / box.height };
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (!event.isPrimary || (event.button !== 0 && event.button !== 5)) return;
      canvas.setPointerCapture(event.pointerId);
      this.pen = null;
      this.begin(at(event), (event.buttons & ERASER) !== 0);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!this.stroke || this.pen || !event.isPrimary) return;
      const all = event.getCoalescedEvents?.() ?? [];
      this.add(...(all.length ? all : [event]).map(at));
    });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => !this.pen && this.lift());
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("focus", () => canvas.matches(":focus-visible") && this.focus(true));
    canvas.addEventListener("blur", () => this.focus(false));
  }

  /** The keyboard's pen is there while the canvas has the focus. */
  focus(visible) {
    this.lift();
    this.pen = visible ? { x: 0.5, y: 0.5, down: false } : null;
    this.paint();
  }

  key(event) {
    const { key, shiftKey, repeat } = event;
    const command = event.ctrlKey || event.metaKey;
    const act =
      command && key.toLowerCase() === "z" ? () => this.undo()
      : command || event.altKey ? null
      : key in ARROWS ? () => this.move(...ARROWS[key].map((way) => way * STEP * (shiftKey ? 4 : 1)))
      : key === " " ? () => !repeat && this.lower()
      : key === "Escape" && this.pen?.down ? () => this.lower()
      : key === "Delete" || key === "Backspace" ? () => this.clear()
      : null;
    if (!act) return;
    event.preventDefault();
    if (!this.pen) this.focus(true);
    act();
  }

  move(dx, dy) {
    const within = (value) => Math.min(Math.max(value, 0), 1);
    Object.assign(this.pen, { x: within(this.pen.x + dx), y: within(this.pen.y + dy) });
    if (this.pen.down) this.add({ x: this.pen.x, y: this.pen.y });
    else this.paint();
  }

  lower() {
    const { x, y, down } = this.pen;
    this.lift();
    this.pen.down = !down;
    const [across, below] = [x, y].map((share) => `${Math.round(100 * share)}%`);
    this.said(`Pen ${down ? "up" : "down"}, ${across} from the left, ${below} from the top`);
    if (down) this.paint();
    else this.begin({ x, y });
  }
}

// ---- with a brush ----

function draw(brush, { points, width, erases }, side, style) {
  brush.save();
  brush.globalCompositeOperation = erases ? "destination-out" : "source-over";
  brush.fillStyle = brush.strokeStyle = style;
  brush.lineWidth = width * side;
  brush.lineCap = brush.lineJoin = "round";
  brush.beginPath();
  brush.arc(points[0].x * side, points[0].y * side, (width * side) / 2, 0, 2 * Math.PI); // a point alone has no line
  brush.fill();
  brush.beginPath();
  for (const { x, y } of points) brush.lineTo(x * side, y * side);
  brush.stroke();
  brush.restore();
}

/** A picture in the middle of the canvas, as large as fits. */
function place(brush, picture, side) {
  const scale = side / Math.max(picture.width, picture.height);
  const [width, height] = [picture.width * scale, picture.height * scale];
  brush.imageSmoothingEnabled = false;
  brush.drawImage(picture, (side - width) / 2, (side - height) / 2, width, height);
}

/** The keyboard's pen: a ring as wide as its stroke, and a cross through it. */
function point(brush, { x, y }, side, style, width) {
  const [cx, cy, reach] = [x * side, y * side, Math.max(width, 0.05) * side];
  brush.strokeStyle = style;
  brush.lineWidth = Math.max(side / 200, 1);
  brush.beginPath();
  brush.arc(cx, cy, (width * side) / 2, 0, 2 * Math.PI);
  for (const [dx, dy] of [[reach, 0], [0, reach]]) {
    brush.moveTo(cx - dx, cy - dy);
    brush.lineTo(cx + dx, cy + dy);
  }
  brush.stroke();
}

/** A bitmap on white, at most `SIDE` pixels a side, its colour gone. */
function grey(bitmap) {
  const scale = Math.min(SIDE / Math.max(bitmap.width, bitmap.height), 1);
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(Math.round(side * scale), 1));
  const canvas = blank(width, height, "white");
  const brush = canvas.getContext("2d");
  brush.imageSmoothingQuality = "high";
  brush.drawImage(bitmap, 0, 0, width, height);
  const image = brush.getImageData(0, 0, width, height);
  for (let start = 0; start < image.data.length; start += 4) {
    const [red, green, blue] = image.data.subarray(start, start + 3);
    image.data.fill(Math.round(0.299 * red + 0.587 * green + 0.114 * blue), start, start + 3);
  }
  brush.putImageData(image, 0, 0);
  return canvas;
}

function blank(width, height, style) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const brush = canvas.getContext("2d", { willReadFrequently: true });
  brush.fillStyle = style;
  brush.fillRect(0, 0, width, height);
  return canvas;
}
