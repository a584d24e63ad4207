// SPDX-License-Identifier: Apache-2.0
// A Vega-Lite spec of the server as a drawing in the page's colours. Vega reads its expressions as a tree and never
// as code, so the page's policy need not allow `eval`; what a tooltip says is set as text. It fetches no data.

import * as api from "./api.js";
import { h, put } from "./dom.js";

const dark = matchMedia("(prefers-color-scheme: dark)");
const shown = new WeakMap(); // element -> { spec, words, turn, view }
let tools = null;

/**
 * Draws a spec into an element, in place of what it showed, without a flicker.
 * `title` and `description` are what a screen reader says of it. Resolves once it is drawn; of several drawings asked
 * for at once, the last one stays.
 */
export async function draw(element, spec, { title = "", description = "" } = {}) {
  const before = shown.get(element);
  const turn = (before?.turn ?? 0) + 1;
  shown.set(element, { spec, words: { title, description }, turn, view: before?.view });
  element.classList.add("chart");
  const { embed, colours } = await ready();
  const ground = h("div", { class: "drawing" });
  const view = await embed(ground, dark.matches ? recoloured(spec, colours) : spec, OPTIONS);
  const now = shown.get(element);
  if (now.turn !== turn) return void view.finalize();
  present(ground.querySelector("svg"), title, description);
  put(element, ground);
  now.view?.finalize();
  now.view = view;
}

/** Removes a chart and what it holds in memory. */
export function clear(element) {
  const now = shown.get(element);
  if (!now) return;
  now.view?.finalize();
  shown.set(element, { ...now, view: null, spec: null, turn: now.turn + 1 });
  put(element);
}

/** Begins to load what draws charts, before the first one is needed. */
export function ready() {
  tools ??= Promise.all([library(), api.get("/static/theme.json")]).then(
    ([embed, theme]) => ({ embed, colours: new Map(Object.values(theme)) }), // light -> dark
    (error) => {
      tools = null; // the next chart tries again
      throw error;
    },
  );
  return tools;
}

function library() {
  return new Promise((resolve, reject) => {
    const script = h("script", { src: "/static/vega.js", type: "module" });
    script.onload = () => resolve(window.vegaEmbed);
    script.onerror = () => {
      script.remove();
      reject(new Error("What draws the charts could not be loaded."));
    };
    document.head.append(script);
  });
}

/** The spec with every light colour of the theme replaced by its dark one, however deep it is. */
function recoloured(value, colours) {
  if (typeof value === "string") return colours.get(value) ?? value;
  if (Array.isArray(value)) return value.map((one) => recoloured(one, colours));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, recoloured(one, colours)]));
}

/** A drawing fills its column and never grows beyond its own size; one that would become too small scrolls. */
function present(svg, title, description) {
  const [, , width] = svg.getAttribute("viewBox").split(" ");
  svg.removeAttribute("width");
  svg.removeAttribute("height");
  svg.style.setProperty("--natural", `${width}px`);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", [title, description].filter(Boolean).join(". "));
}

const tip = h("div", { class: "tip", "aria-hidden": "true", hidden: true });

/** Vega's tooltip: a row for each value, at the pointer and inside the window. */
function tell(handler, event, item, value) {
  tip.hidden = value === null || value === undefined || value === "";
  if (tip.hidden) return;
  if (!tip.isConnected) document.body.append(tip);
  const rows = typeof value === "object" ? Object.entries(value) : [["", value]];
  put(tip, h("dl", {}, rows.map(([name, one]) => h("div", {}, name && h("dt", {}, name), h("dd", {}, one)))));
  const { width, height } = tip.getBoundingClientRect();
  const beside = event.clientX + 14 + width > innerWidth ? event.clientX - 14 - width : event.clientX + 14;
  tip.style.left = `${Math.max(beside, 4)}px`;
  tip.style.top = `${Math.max(Math.min(event.clientY + 14, innerHeight - height - 4), 4)}px`;
}

const OPTIONS = {
  mode: "vega-lite", ast: true, renderer: "svg", actions: false, defaultStyle: false, tooltip: tell,
  logLevel: 1, // errors; a warning of Vega's is nothing that a reader could act on
};

const forget = () => (tip.hidden = true); // before Vega hears of a move: it shows it again where there is a value
for (const name of ["pointermove", "scroll"]) document.addEventListener(name, forget, { capture: true, passive: true });
dark.addEventListener("change", () => {
  for (const element of document.querySelectorAll(".chart")) {
    const { spec, words } = shown.get(element) ?? {};
    if (spec) draw(element, spec, words);
  }
});
