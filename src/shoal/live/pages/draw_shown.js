// SPDX-License-Identifier: Apache-2.0
// What the room shows of an answer: each network's word with its probabilities, the steps of preprocessing, and the
// pictures inside a network. Elements stay while their numbers change, so that nothing jumps while one draws.

import { h, put } from "./dom.js";
import * as picture from "./picture.js";

const TOP = 3;
const MAP = 84; // about as wide as a picture of a layer is shown, in pixels of the page

/** A probability in words: "97%", "<1%", ">99%". */
export function percent(share) {
  if (share === null || share === undefined) return "–";
  if (share > 0.99 && share < 1) return ">99%";
  if (share < 0.01 && share > 0) return "<1%";
  return `${Math.round(100 * share)}%`;
}

/** An accuracy as the report writes it: ".831". */
export function accuracy(value) {
  return value === null || value === undefined ? "not known" : value.toFixed(3).replace(/^0/, "");
}

// The classes of an answer with their probabilities, the likeliest first; none where they are not numbers.
function ranked({ model, classes, probabilities }) {
  const all = classes.map((name, at) => ({ model, name, share: probabilities[at] }));
  return all.some(({ share }) => share === null) ? [] : all.sort((one, other) => other.share - one.share);
}

/** What most networks say: { who, word, first }, `first` being what the first one says; null if none says anything. */
export function most(answers) {
  const said = answers.map((answer) => ranked(answer)[0]).filter(Boolean);
  if (!said.length) return null;
  const votes = new Map();
  for (const { name } of said) votes.set(name, (votes.get(name) ?? 0) + 1);
  const [word, count] = [...votes].reduce((best, one) => (one[1] > best[1] ? one : best));
  const every = ["It says", "Both networks say"][count - 1] ?? `All ${count} networks say`;
  return { who: count < answers.length ? `${count} of ${answers.length} networks say` : every, word, first: said[0] };
}

/** A place in the list: `element`, `know(model, chosen)`, and `say(answer)`, or `say(null)` while nothing is drawn. */
export function card() {
  const [title, about, word] = [h("h4", {}), h("p", { class: "hint" }), h("p", { class: "word" })];
  const [top, all] = [h("div", { class: "shares" }), h("div", { class: "shares" })];
  const more = h("details", {}, h("summary", {}, "All classes"), all);
  const know = (model, chosen) => {
    const epochs = model.epochs === 1 ? "1 epoch" : `${model.epochs} epochs`;
    put(title, model.title, chosen && [" ", h("span", { class: "tag" }, "chosen")]);
    put(about, `accuracy ${accuracy(model.accuracy)} after ${epochs}`, h("br"), `${model.label}, seed ${model.seed}`);
  };
  const say = (answer) => {
    const order = answer ? ranked(answer) : [];
    const lost = answer ? "Its weights are not finite, so it says nothing" : "–";
    put(word, order[0]?.name ?? lost);
    word.classList.toggle("silent", order.length === 0);
    top.hidden = more.hidden = order.length === 0;
    rows(top, order.slice(0, TOP));
    rows(all, order.length ? answer.classes.map((name, at) => ({ name, share: answer.probabilities[at] })) : []);
  };
  say(null);
  return { element: h("li", { class: "card" }, title, about, word, top, more), know, say };
}

function rows(element, shares) {
  while (element.children.length > shares.length) element.lastChild.remove();
  while (element.children.length < shares.length) element.append(row());
  shares.forEach(({ name, share }, at) => {
    const [label, bar, number] = element.children[at].children;
    put(label, name);
    bar.value = share ?? 0;
    put(number, percent(share));
  });
}

function row() {
  const bar = h("progress", { class: "meter", max: 1, value: 0, "aria-hidden": "true" });
  return h("div", { class: "share" }, h("span", {}), bar, h("span", { class: "n" }));
}

/** Shows the steps of preprocessing in an ordered list, each a picture with its reason. */
export function steps(list, all) {
  while (list.children.length > all.length) list.lastChild.remove();
  while (list.children.length < all.length) {
    list.append(h("li", {}, h("canvas", {}), h("div", {}, h("h4", {}), h("p", { class: "hint" }))));
  }
  all.forEach((step, at) => {
    const [canvas, words] = list.children[at].children;
    canvas.style.setProperty("--ratio", step.width / step.height);
    canvas.classList.toggle("photo", step.photo);
    picture.draw(canvas, { ...step, label: `${step.title}: ${step.width} × ${step.height} pixels` });
    put(words.firstChild, step.title);
    put(words.lastChild, step.why);
  });
}

/** Shows what each layer made of the drawing: its pictures in rows, pixel by pixel. */
export function layers(element, all) {
  while (element.children.length > all.length) element.lastChild.remove();
  while (element.children.length < all.length) element.append(h("section", {}, heading(), h("ol", { class: "maps" })));
  all.forEach((layer, at) => {
    const [head, list] = element.children[at].children;
    put(head.children[0], layer.name);
    put(head.children[1], [layer.words, scale(layer)].filter(Boolean).join(" "));
    maps(list, layer);
  });
}

function heading() {
  return h("div", {}, h("h4", {}), h("p", { class: "hint" }));
}

/** What full ink stands for. */
function scale({ scheme, low, high, left_out: leftOut }) {
  const number = (value) => String(Number(value.toPrecision(2))).replace(/^(-?)0\./, "$1.").replace("-", "−");
  const ink = `Blank is ${number(low)}, full ink ${number(high)}.`;
  const range = scheme === "signed" ? `Full colour is ±${number(high)}.` : ink;
  return leftOut ? `${range} ${leftOut} more are not shown.` : range;
}

function maps(list, { name, shape, scheme, pixels, names }) {
  const [count, height, width] = shape;
  const values = picture.bytes(pixels);
  while (list.children.length > count) list.lastChild.remove();
  while (list.children.length < count) list.append(h("li", {}, h("canvas", {}), h("span", {})));
  [...list.children].forEach((item, at) => {
    const part = values.subarray(at * width * height, (at + 1) * width * height);
    const label = names[at] || `${name}, ${at + 1} of ${count}`;
    picture.draw(item.firstChild, { width, height, pixels: part, scheme, label });
    item.firstChild.style.width = `${width * Math.max(Math.floor(MAP / width), 1)}px`; // whole pixels: none is blurred
    put(item.lastChild, names[at] ?? "");
  });
}
