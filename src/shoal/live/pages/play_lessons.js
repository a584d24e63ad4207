// SPDX-License-Identifier: Apache-2.0
// What a learner should see of a network while it trains: gradients layer by layer, the first layer's weights, what is
// taken for what, the worst mistakes, and how sharply the loss bends. It draws what it is given and asks for nothing.

import { grouped, h, put } from "./dom.js";
import { meaning } from "./play_meaning.js";
import { log, number, percent, power } from "./play_numbers.js";

const BEND = "Walk over the loss along a straight line: λ, the largest eigenvalue of its second derivatives, says how fast "
  + "the slope changes in the direction in which it changes fastest. A step of the learning rate lr lands beyond the "
  + "valley's floor if λ is above 1/lr, and higher on the other side than it began if λ is above 2/lr; the same, said "
  + "of the rate, is lr above 2/λ.";
const ROOM = 0.1; // decades between a mark and the end of its line

/**
 * The lessons inside `element`: `show(insight)` draws what /api/play/insight answers in place of what was there;
 * `lead(name)` puts the lesson of that name before the others.
 */
export function lessons(picture) {
  const all = [gradients(), weights(picture), confusion(), mistakes(picture), curvature()];
  const element = h("div", { class: "lessons" }, all.map((one) => one.element));
  const lead = (name) => {
    const leads = ({ element: one }) => one.classList.contains(name);
    element.append(...[...all].sort((one, other) => leads(other) - leads(one)).map((one) => one.element));
  };
  return { element, lead, show: (insight) => all.forEach((one) => one.show(insight)) };
}

/** A lesson: a title, what it is in a sentence, and its place, which is hidden while there is nothing to show. */
function lesson(name, title, place, ...after) {
  const caption = h("p", { class: "caption" });
  const named = { class: `lesson ${name}`, "aria-label": title, hidden: true };
  const element = h("figure", named, h("h4", {}, title), place, caption, after);
  const say = (...words) => {
    element.hidden = false;
    put(caption, ...words);
  };
  return { element, say, hide: () => (element.hidden = true) };
}

// ---- gradients ------------------------------------------------------------------------------------------

function gradients() {
  const place = h("div", { class: "tabular" });
  const { element, say } = lesson("gradients", "Gradient of each layer", place);
  const show = ({ gradients: layers, images }) => {
    const scale = decades(layers.map((one) => one.gradient_rms));
    const ends = [scale.low, scale.high].map((one) => h("span", {}, power(one)));
    const axis = layers.some((one) => one.gradient_rms > 0) && h("div", { class: "track axis" }, ends);
    put(place, h(
      "table",
      {},
      h("thead", {}, h("tr", {},
        h("th", { scope: "col" }, "Layer"), h("th", { scope: "col" }, axis),
        h("th", { scope: "col", class: "n" }, "Gradient"), h("th", { scope: "col", class: "n" }, "Weight"))),
      h("tbody", {}, layers.map((one) => h("tr", {},
        h("th", { scope: "row" }, one.name),
        h("td", {}, axis && track(scale, [["dot", one.gradient_rms]])),
        h("td", { class: "n" }, number(one.gradient_rms)),
        h("td", { class: "n" }, number(one.weight_rms))))),
    ));
    say(`Root mean square of a layer's gradient on ${images} training images, and of its weights; each line is a `,
      "factor of ten. ", compared(layers));
  };
  return { element, show };
}

function compared(layers) {
  const still = layers.filter((one) => one.gradient_rms === 0).map((one) => one.name);
  if (still.length) {
    return `Where it is 0 (${still.join(", ")}) the loss moves no weight: as behind ReLUs that are off for every image.`;
  }
  const [first, last] = [layers[0].gradient_rms, layers.at(-1).gradient_rms];
  if (layers.length < 2 || !(first > 0 && last > 0)) return "";
  if (last >= first) return `The last layer's gradient is ${number(last / first)} times the first one's.`;
  return `The first layer's gradient is ${number(first / last)} times the last one's.`;
}

/** Whole decades around positive values, as exponents, with some room at both ends. */
function decades(values) {
  const logs = values.filter((value) => value > 0).map(log);
  if (!logs.length) return { low: -1, high: 0 };
  return { low: Math.floor(Math.min(...logs) - ROOM), high: Math.ceil(Math.max(...logs) + ROOM) };
}

/** A line with a tick at each decade, and marks at their values. */
function track({ low, high }, marks) {
  return h(
    "div",
    { class: "track", "aria-hidden": "true", style: { "--decades": high - low } },
    marks.filter(([, value]) => value > 0).map(([kind, value]) =>
      h("span", { class: kind, style: { "--at": Math.min(Math.max((log(value) - low) / (high - low), 0), 1) } })),
  );
}

// ---- pictures -------------------------------------------------------------------------------------------

function weights(picture) {
  const place = h("div", { class: "pictures", role: "img" });
  const { element, say, hide } = lesson("weights", "First layer's weights", place);
  let canvases = [];
  let drawn = "";
  const show = ({ filters }) => {
    if (!filters) return hide();
    const [count, height, width] = filters.shape;
    const key = [count, height, width, filters.names].join();
    if (key !== drawn) {
      canvases = Array.from({ length: count }, () => h("canvas"));
      put(place, canvases.map((one, at) => h("div", {}, one, filters.names[at] && h("span", {}, filters.names[at]))));
      place.style.setProperty("--columns", count > 16 ? 8 : ([5, 4, 3].find((columns) => count % columns === 0) ?? 4));
      drawn = key;
    }
    const values = picture.bytes(filters.pixels);
    canvases.forEach((one, at) => {
      const pixels = values.subarray(at * height * width, (at + 1) * height * width);
      picture.draw(one, { width, height, pixels, scheme: "signed" });
    });
    const ofEach = filters.names.length ? "a picture for each class" : `a picture for each of ${count}`;
    const each = count === 1 ? "one picture for its one unit" : ofEach;
    place.setAttribute("aria-label", `${count} pictures of ${height} × ${width} weights`);
    say(`What the first layer looks for, ${each}: vermillion where ink speaks for it, blue where it speaks against. `,
      `The strongest colour is ±${number(filters.limit)}.`);
  };
  return { element, show };
}

function mistakes(picture) {
  const place = h("ul", { class: "mistakes" });
  const { element, say } = lesson("worst", "Worst mistakes", place);
  const show = ({ worst }) => {
    put(place, worst.map((one) => {
      const canvas = h("canvas");
      const [height, width] = one.shape;
      picture.draw(canvas, { width, height, pixels: one.pixels });
      const sure = percent(one.probability);
      return h("li", {}, canvas, h("p", {}, h("strong", {}, `${one.said} `), sure, h("span", {}, `is: ${one.label}`)));
    }));
    say(worst.length ? "The test images it was surest about, and wrong." : "It makes no mistake on the test images.");
  };
  return { element, show };
}

// ---- what is taken for what -----------------------------------------------------------------------------

function confusion() {
  const place = h("div", { class: "tabular", tabindex: "0", role: "group", "aria-label": "What is taken for what" });
  const { element, say } = lesson("confusion", "What is taken for what", place);
  let cells = [];
  let drawn = "";
  const show = ({ confusion: { classes, counts } }) => {
    if (classes.join() !== drawn) {
      cells = classes.map((_, is) => classes.map((_, said) => h("td", { class: is === said ? "right" : "" })));
      put(place, matrix(classes, cells));
      drawn = classes.join();
    }
    counts.forEach((row, is) => {
      const sum = row.reduce((a, b) => a + b, 0);
      row.forEach((count, said) => {
        cells[is][said].textContent = count || "";
        cells[is][said].style.setProperty("--share", count ? 0.08 + (0.92 * count) / sum : 0);
      });
    });
    say(told(classes, counts));
  };
  return { element, show };
}

function matrix(classes, cells) {
  return h(
    "table",
    {},
    h("thead", {}, h("tr", {},
      h("td", {}, "is ↓ said →"), classes.map((name) => h("th", { scope: "col" }, h("span", {}, name))))),
    h("tbody", {}, classes.map((name, is) => h("tr", {}, h("th", { scope: "row" }, name), cells[is]))),
  );
}

function told(classes, counts) {
  const total = counts.flat().reduce((a, b) => a + b, 0);
  const right = counts.reduce((sum, row, at) => sum + row[at], 0);
  let most = [0, 0, 0];
  counts.forEach((row, is) => row.forEach((count, said) => {
    if (is !== said && count > most[0]) most = [count, is, said];
  }));
  const all = `${percent(right / total, 1)} of ${grouped(total)} test images are right`;
  if (!most[0]) return `${all}.`;
  return `${all}. The commonest mistake: ${classes[most[1]]} taken for ${classes[most[2]]}, ${most[0]} times.`;
}

// ---- curvature ------------------------------------------------------------------------------------------

function curvature() {
  const place = h("div", { class: "bend" });
  const asked = meaning("What are λ and 2/lr?", BEND);
  const { element, say } = lesson("curvature", "Curvature and learning rate", place, asked);
  const show = ({ curvature: bend }) => {
    if (typeof bend === "string") {
      put(place);
      return say(bend);
    }
    const { eigenvalue, critical_lr: critical, lr, momentum, images } = bend;
    const bound = momentum > 0 ? "its bound with this momentum," : "2/λ =";
    const most = `On ${images} training images the loss bends most with λ = ${number(eigenvalue)}`;
    if (!(critical > 0)) {
      put(place);
      return say(`${most}: nowhere upwards, so it sets no bound on the learning rate here.`);
    }
    const scale = decades([lr, critical]);
    put(
      place,
      track(scale, [["bar", critical], ["dot", lr]]),
      h("div", { class: "track axis" }, h("span", {}, power(scale.low)), h("span", {}, power(scale.high))),
      h("p", { class: "key" }, h("span", { class: "dot" }), `learning rate ${number(lr)}`,
        h("span", { class: "bar" }), `bound ${number(critical)}`),
    );
    const verdict = lr > critical
      ? `${number(lr / critical)} times that: along this direction steps overshoot more each time`
      : `${percent(lr / critical)} of that: along this direction steps settle`;
    return say(`${most}. On a parabola that sharp, gradient descent sways beyond ${bound} ${number(critical)}; `,
      `the learning rate ${number(lr)} is ${verdict}.`);
  };
  return { element, show };
}
