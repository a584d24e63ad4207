// SPDX-License-Identifier: Apache-2.0
// The room Draw: a drawing goes to the server while it is made, and every network trained here says what it sees.
// It shows what the server answers and guesses nothing itself; nothing that is drawn or dropped is kept.

import { h, put } from "./dom.js";
import { Pad } from "./draw_canvas.js";
import { layout } from "./draw_layout.js";
import { card, layers, most, percent, steps } from "./draw_shown.js";
import { paced, settled } from "./pace.js";

const NAMING = 170; // milliseconds from one question to the next while drawing: at most six a second
const LOOKING = 400;
const SAYING = 1000; // of stillness, so that a listener hears the pen first and then what was made of it
const READING = 3000; // between two looks at which networks there are, while some of them train
const LARGEST = 50e6; // bytes of a picture
const KINDS = {
  mnist: { one: "digit", many: "Digits", pen: 8, fills: false },
  "fashion-mnist": { one: "garment", many: "Garments", pen: 4, fills: true },
};

/** Builds the room inside an empty element. */
export async function enter(root, lab) {
  const room = new Room(root, lab);
  await room.begin();
  return room;
}

class Room {
  constructor(root, lab) {
    Object.assign(this, { root, lab, cards: new Map(), models: [], leftOut: 0, shown: true, stale: false, words: "" });
    Object.assign(this, { order: "", pace: 1, unknown: "", lost: false });
    this.sets = Object.keys(KINDS).flatMap((kind) => lab.state.data.filter(({ name }) => name === kind));
    this.name = paced(() => NAMING, () => this.ask());
    this.look = paced(() => LOOKING, () => this.lookInside());
    this.announce = settled(SAYING, () => this.words && lab.say(this.words));
    this.reread = paced(() => Math.max(READING, 1000 * this.pace), () => this.read());
    this.parts = layout(root, this.sets.map(({ name }) => [name, KINDS[name].many]), {
      choose: (name) => this.choose(name),
      undo: () => this.pad.undo(),
      clear: () => this.pad.clear(),
      thicken: () => (this.pad.width = this.parts.pen.value / 100),
      name: this.name,
      look: this.look,
      take: (file) => this.take(file),
    });
    this.pad = new Pad(this.parts.canvas, {
      changed: () => this.redrawn(),
      said: (words) => lab.say(words),
      colour: (name) => `rgb(${lab.picture.token(name).join(" ")})`,
    });
    this.listen();
  }

  /** Opens on a data set that has networks: on the first if both have some, or neither. */
  async begin() {
    if (!this.sets.length) return this.trouble("This server has neither digits nor garments to draw for.");
    for (const { name } of [...this.sets, this.sets[0]]) {
      await this.choose(name);
      if (this.models.length) break;
    }
    return undefined;
  }

  show() {
    this.shown = true;
    if (this.stale) this.read();
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

  listen() {
    const picture = (transfer) => [...(transfer?.files ?? [])].find(({ type }) => type.startsWith("image/"));
    const over = (event) => {
      event.preventDefault();
      this.parts.sheet.classList.toggle("dropping", event.type === "dragover");
    };
    for (const kind of ["dragover", "dragleave", "drop"]) this.root.addEventListener(kind, over);
    this.root.addEventListener("drop", ({ dataTransfer: all }) => this.take(picture(all) ?? all.files[0]));
    document.addEventListener("paste", ({ clipboardData }) => {
      const file = picture(clipboardData);
      if (file && this.shown) this.take(file);
    });
  }

  choose(name) {
    const { one, pen, fills } = KINDS[name];
    const { title } = this.sets.find((each) => each.name === name);
    this.data = name;
    for (const input of this.root.querySelectorAll("[name=draw-data]")) input.checked = input.value === name;
    put(this.parts.title, `Draw a ${one}`);
    put(this.parts.origin, `From your drawing to an image like those of ${title}`);
    put(this.parts.summary, (this.unknown = "Reading which networks there are"));
    put(this.parts.cards);
    this.order = "";
    this.parts.pen.value = pen;
    this.pad.width = pen / 100;
    this.parts.filling.hidden = !fills;
    this.models = [];
    return this.read();
  }

  async take(file) {
    this.parts.file.value = "";
    if (!file) return this.trouble("That is no file. Drop a picture: PNG, JPEG or WebP.");
    if (file.size > LARGEST) return this.trouble(`${file.name} is larger than 50 MB. Use a smaller picture.`);
    const bitmap = await createImageBitmap(file).catch(() => null);
    if (!bitmap) return this.trouble(`${file.name} is no picture that this browser can read. Use PNG, JPEG or WebP.`);
    this.pad.load(bitmap);
    return bitmap.close();
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

  // ---- what the server says ----

  async read() {
    const { data } = this;
    this.stale = false;
    try {
      const { models, left_out: leftOut } = await this.lab.api.get("/api/draw/models", { data });
      if (data === this.data) this.know(models, leftOut);
    } catch (error) {
      if (data !== this.data) return;
      this.lost = true;
      if (this.unknown) put(this.parts.summary, (this.unknown = "Which networks there are could not be read."));
      this.trouble(error.message);
    }
  }

  know(models, leftOut) {
    Object.assign(this, { models, leftOut, unknown: "" });
    if (this.lost) this.trouble(); // what else went wrong is not mended by reading
    this.lost = false;
    for (const model of models) {
      if (!this.cards.has(model.model)) this.cards.set(model.model, card());
      this.cards.get(model.model).know(model);
    }
    this.arrange();
    this.refresh();
  }

  /** Puts the networks in their order, if that has changed: who has opened one or holds a choice keeps it. */
  arrange() {
    const { cards, select } = this.parts;
    const options = this.models.map(({ model, title, label }) => [String(model), `${title}, ${label}`]);
    const order = JSON.stringify(options);
    if (order === this.order) return;
    this.order = order;
    put(cards, this.models.map(({ model }) => this.cards.get(model).element));
    const chosen = select.value;
    put(select, options.map(([value, words]) => h("option", { value }, words)));
    if (options.some(([value]) => value === chosen)) select.value = chosen;
  }

  drawing() {
    const { values, width, height, picture } = this.pad.pixels();
    const fill = KINDS[this.data].fills && this.parts.fill.checked && !picture;
    return { data: this.data, pixels: btoa(String.fromCharCode(...values)), width, height, picture, fill };
  }

  async ask() {
    if (this.pad.isEmpty()) return;
    const { data } = this;
    try {
      const answer = await this.lab.api.post("/api/draw/name", this.drawing());
      if (this.pad.isEmpty() || data !== this.data) return;
      this.trouble();
      this.answered(answer);
      this.look();
    } catch (error) {
      this.trouble(error.message);
    }
  }

  answered({ steps: all, answers }) {
    this.parts.way.hidden = false;
    steps(this.parts.steps, all);
    const said = new Map(answers.map((answer) => [answer.model, answer]));
    for (const { model } of this.models) this.cards.get(model).say(said.get(model) ?? null);
    this.sum(answers);
  }

  /** One sentence over all answers, for the eye at once and for the ear once they are still. */
  sum(answers) {
    const found = most(answers);
    if (!found) return put(this.parts.summary, this.lacking());
    const { who, word, first } = found;
    put(this.parts.summary, `${who} `, h("strong", {}, word), this.others());
    this.words = `${who} ${word}. The most accurate: ${first.name}, ${percent(first.share)}.`;
    return this.announce();
  }

  nothing() {
    const { way, within, summary } = this.parts;
    this.words = "";
    way.hidden = within.hidden = true;
    for (const { model } of this.models) this.cards.get(model).say(null);
    const count = this.models.length;
    const waiting = `${count === 1 ? "One network waits" : `${count} networks wait`} for your first stroke`;
    put(summary, count ? [waiting, this.others()] : this.lacking());
  }

  others() {
    if (!this.leftOut) return ".";
    return `. ${this.leftOut} ${this.leftOut === 1 ? "other is" : "others are"} not asked.`;
  }

  lacking() {
    if (this.unknown) return this.unknown;
    const link = h("a", { href: "#play" }, "Train a LeNet in the Play room");
    return [`No network has learnt ${KINDS[this.data].many.toLowerCase()} yet. `, link, "; it takes a minute."];
  }

  async lookInside() {
    const { within, select, layers: place } = this.parts;
    within.hidden = this.models.length === 0 || this.pad.isEmpty();
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
