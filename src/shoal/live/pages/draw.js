// SPDX-License-Identifier: Apache-2.0
// The room Draw: a drawing goes to the server while it is made, and every network trained here says what it sees.
// It shows what the server answers and guesses nothing itself; nothing that is drawn or dropped is kept.

import { h, put } from "./dom.js";
import { Pad } from "./draw_canvas.js";
import { pictures } from "./draw_files.js";
import { layout } from "./draw_layout.js";
import { Networks } from "./draw_networks.js";
import { layers, steps } from "./draw_shown.js";
import { paced, settled } from "./pace.js";

const NAMING = 170; // milliseconds from one question to the next while drawing: at most six a second
const LOOKING = 400;
const SAYING = 1000; // of stillness, so that a listener hears the pen first and then what was made of it
const READING = 3000; // between two looks at which networks there are, while some of them train
const KINDS = [
  { name: "mnist", one: "digit", many: "Digits", pen: 8, fills: false },
  { name: "fashion-mnist", one: "garment", many: "Garments", pen: 4, fills: true },
];

/** A kind with its data set's title, if the server has that data set: in a list of one, or of none. */
const offered = (kind, data) => data.filter(({ name }) => name === kind.name).map(({ title }) => ({ ...kind, title }));

/** Builds the room inside an empty element; what it opens with, `show` is told. */
export async function enter(root, lab) {
  return new Room(root, lab);
}

class Room {
  constructor(root, lab) {
    Object.assign(this, { root, lab, kind: null, shown: true, stale: false, lost: false, words: "", pace: 1 });
    this.kinds = KINDS.flatMap((kind) => offered(kind, lab.state.data));
    this.name = paced(() => NAMING, () => this.ask());
    this.look = paced(() => LOOKING, () => this.lookInside());
    this.announce = settled(SAYING, () => this.words && lab.say(this.words));
    this.reread = paced(() => Math.max(READING, 1000 * this.pace), () => this.read());
    this.parts = layout(root, this.kinds, {
      choose: (name) => this.choose(name),
      undo: () => this.pad.undo(),
      clear: () => this.pad.clear(),
      thicken: () => (this.pad.width = this.parts.pen.value / 100),
      name: this.name,
      look: this.look,
    });
    this.networks = new Networks(this.parts);
    this.pad = new Pad(this.parts.canvas, {
      changed: () => this.redrawn(),
      said: (words) => lab.say(words),
      colour: (name) => `rgb(${lab.picture.token(name).join(" ")})`,
    });
    pictures(root, this.parts.file, {
      take: (bitmap) => this.pad.load(bitmap),
      trouble: (words) => this.trouble(words),
      over: (whether) => this.parts.sheet.classList.toggle("dropping", whether),
      open: () => this.shown,
    });
  }

  // ---- what the page tells ----

  /** `data` is the data set to draw for, `model` the number of the run whose network comes first. */
  async show({ data, model = "" }) {
    this.shown = true;
    const first = /^\d{1,15}$/.test(model) ? Number(model) : 0;
    if (this.kinds.some(({ name }) => name === data)) await this.choose(data, first);
    else if (!this.kind) await this.begin();
    else if (this.stale) await this.read();
  }

  hide() {
    this.shown = false;
  }

  event(message) {
    const ended = message.topic === "training" && !["queued", "training"].includes(message.state);
    if (message.topic !== "hello" && message.topic !== "records" && !ended) return;
    this.stale = true;
    this.pace = message.pace ?? this.pace; // seconds, more with many watchers
    if (!this.shown) return;
    if (message.topic === "records") this.reread();
    else this.read();
  }

  // ---- what a person does ----

  /** Opens on a data set that has networks: on the first if both have some, or neither. */
  async begin() {
    if (!this.kinds.length) return this.trouble("This server has neither digits nor garments to draw for.");
    for (const { name } of [...this.kinds, this.kinds[0]]) {
      await this.choose(name);
      if (this.networks.models.length) break;
    }
    return undefined;
  }

  /** Draws for a data set; the network of the run `first`, if that is given, comes first. */
  choose(name, first = 0) {
    this.kind = this.kinds.find((kind) => kind.name === name);
    const { one, pen, fills, title } = this.kind;
    for (const input of this.root.querySelectorAll("[name=draw-data]")) input.checked = input.value === name;
    put(this.parts.title, `Draw a ${one}`);
    put(this.parts.origin, `From your drawing to an image like those of ${title}`);
    Object.assign(this.networks, { kind: this.kind, chosen: first });
    this.networks.forget("Reading which networks there are");
    this.parts.pen.value = pen;
    this.pad.width = pen / 100;
    this.parts.filling.hidden = !fills;
    return this.read();
  }

  redrawn() {
    if (this.pad.isEmpty()) this.trouble();
    this.refresh();
  }

  refresh() {
    const empty = this.pad.isEmpty();
    this.parts.invitation.hidden = !empty;
    if (empty) this.nothing();
    else this.name();
  }

  nothing() {
    this.words = "";
    this.parts.way.hidden = this.parts.within.hidden = true;
    this.networks.wait();
  }

  // ---- what the server says ----

  async read() {
    const { kind, networks } = this;
    const first = networks.chosen;
    const late = () => kind !== this.kind || first !== networks.chosen; // something else was chosen meanwhile
    if (!kind) return;
    this.stale = false;
    try {
      const { models, left_out: leftOut } = await this.lab.api.get("/api/draw/models", { data: kind.name, first });
      if (late()) return;
      networks.know(models, leftOut);
      if (this.lost) this.trouble(); // what else went wrong is not mended by reading
      this.lost = false;
      this.refresh();
    } catch (error) {
      if (late()) return;
      this.lost = true;
      networks.unread("Which networks there are could not be read.");
      this.trouble(error.message);
    }
  }

  drawing() {
    const { values, width, height, picture } = this.pad.pixels();
    const fill = this.kind.fills && this.parts.fill.checked && !picture;
    return { data: this.kind.name, pixels: btoa(String.fromCharCode(...values)), width, height, picture, fill };
  }

  async ask() {
    if (this.pad.isEmpty()) return;
    const { kind } = this;
    try {
      const asked = { ...this.drawing(), first: this.networks.chosen };
      const { steps: all, answers } = await this.lab.api.post("/api/draw/name", asked);
      if (this.pad.isEmpty() || kind !== this.kind) return;
      this.trouble();
      this.parts.way.hidden = false;
      steps(this.parts.steps, all);
      this.words = this.networks.say(answers);
      if (this.words) this.announce();
      this.look();
    } catch (error) {
      this.trouble(error.message);
    }
  }

  async lookInside() {
    const { within, select, layers: place } = this.parts;
    within.hidden = !this.networks.models.length || this.pad.isEmpty();
    if (within.hidden) return;
    try {
      const asked = { ...this.drawing(), model: Number(select.value) };
      const { layers: all } = await this.lab.api.post("/api/draw/layers", asked);
      layers(place, all);
      if (!all.length) put(place, h("p", { class: "hint" }, "None of its layers makes pictures."));
    } catch (error) {
      this.trouble(error.message);
    }
  }

  /** What went wrong, in words; nothing without. */
  trouble(words = "") {
    put(this.parts.failure, words);
    this.parts.failure.className = words && "error";
    this.parts.failure.hidden = !words;
  }
}
