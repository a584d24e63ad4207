// SPDX-License-Identifier: Apache-2.0
// What the room Draw is made of, before anything is drawn: elements with their names and words, and nothing that acts.

import { field, h, put } from "./dom.js";

const HOW = [
  "Draw with mouse, finger or pen; or drop, paste or choose a picture, on light or dark ground. ",
  "By keyboard: arrow keys move the pen, with Shift further; Space puts it down and up; Ctrl+Z undoes; Delete clears.",
];

/**
 * Fills `root` and gives its parts by name. `kinds` are the data sets to choose from, `on` what to call: choose(name),
 * undo(), clear(), thicken(), name(), look().
 */
export function layout(root, kinds, on) {
  const parts = {
    title: h("h2", {}),
    canvas: h("canvas", { class: "pad", tabindex: "0", role: "application", "aria-describedby": "draw-how" }),
    invitation: h("p", { class: "invitation", "aria-hidden": "true" }, "Draw here"),
    pen: h("input", { type: "range", min: 2, max: 14, step: 0.5, oninput: on.thicken }),
    fill: h("input", { type: "checkbox", checked: true, onchange: on.name }),
    file: h("input", { type: "file", accept: "image/*", hidden: true, "aria-label": "Image file" }),
    failure: h("p", { role: "alert", hidden: true }),
    summary: h("p", { class: "summary" }),
    cards: h("ul", { class: "cards" }),
    origin: h("h3", {}),
    steps: h("ol", { class: "steps" }),
    select: h("select", { onchange: on.look }),
    layers: h("div", { class: "layers" }),
  };
  parts.sheet = h("div", { class: "sheet" }, parts.canvas, parts.invitation);
  parts.filling = h("div", { class: "field" }, h("label", {}, parts.fill, "Fill outlines"));
  parts.way = h("section", { hidden: true }, parts.origin, parts.steps);
  const within = h("h3", {}, "Inside a network");
  parts.within = h("section", { hidden: true }, within, field("Network", parts.select), parts.layers);
  const lead = h("p", { class: "lead" }, "Every network trained here says what it sees, at every stroke.");
  const answers = h("div", { class: "answers" }, parts.summary, parts.cards);
  const desk = h("div", { class: "desk" }, h("div", {}, left(parts, kinds, on)), answers);
  put(root, parts.title, lead, desk, parts.way, parts.within);
  return parts;
}

function left(parts, kinds, on) {
  const button = (words, act) => h("button", { class: "button", type: "button", onclick: act }, words);
  const pick = () => parts.file.click();
  return [
    h("div", { class: "controls" }, kinds.length > 1 && chooser(kinds, on), field("Pen", parts.pen)),
    parts.sheet,
    h("div", { class: "tools" }, button("Undo", on.undo), button("Clear", on.clear), button("Choose an image", pick)),
    parts.filling,
    parts.file,
    parts.failure,
    h("p", { class: "hint", id: "draw-how" }, HOW),
  ];
}

function chooser(kinds, on) {
  const radio = ({ name, many }) => {
    const input = h("input", { type: "radio", name: "draw-data", value: name, onchange: () => on.choose(name) });
    return h("label", {}, input, many);
  };
  return h("fieldset", { class: "field" }, h("legend", {}, "Draw"), h("div", { class: "kinds" }, kinds.map(radio)));
}
