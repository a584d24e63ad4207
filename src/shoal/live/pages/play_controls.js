// SPDX-License-Identifier: Apache-2.0
// One control for one field of Play's table: a list, a slider with its number, layer widths, or a switch. Each reads
// and writes a plain value, and says nothing of a value that is out of bounds but `undefined`.

import { h } from "./dom.js";

/**
 * The control of a field: `element`, `read()` (undefined while it holds nothing that may be asked for), `write(value)`,
 * `name(text)`, what a screen reader calls it, `focus()`, and `fault(id)`: the id of what says that its value is wrong,
 * or null while it is not. `changed()` is called after each change by hand.
 */
export function control(field, changed) {
  const { input, ...own } = KINDS[field.kind](field, changed);
  const fault = (id) => {
    if (id) {
      input.setAttribute("aria-invalid", "true");
      input.setAttribute("aria-describedby", id);
    } else ["aria-invalid", "aria-describedby"].forEach((name) => input.removeAttribute(name));
  };
  return { ...own, focus: () => input.focus(), fault };
}

function choice({ choices, default: usual }, changed) {
  const words = choices.map(([word, title]) => h("option", { value: word }, title));
  const element = h("select", { onchange: changed }, words);
  return {
    element,
    input: element,
    read: () => element.value,
    write: (value) => (element.value = choices.some(([word]) => word === value) ? value : usual),
    name: (text) => element.setAttribute("aria-label", text),
  };
}

function toggle(field, changed) {
  const box = h("input", { type: "checkbox", role: "switch", onchange: changed });
  const word = h("span", { "aria-hidden": "true" });
  const show = () => (word.textContent = box.checked ? "on" : "off");
  box.addEventListener("change", show);
  return {
    element: h("label", { class: "toggle" }, box, word),
    input: box,
    read: () => box.checked,
    write: (value) => {
      box.checked = value;
      show();
    },
    name: (text) => box.setAttribute("aria-label", text),
  };
}

/** Widths of layers as they are spoken of: "256, 128". */
function widths({ least, most, longest }, changed) {
  const element = h("input", { type: "text", inputmode: "numeric", autocomplete: "off", spellcheck: "false" });
  const read = () => {
    const words = element.value.split(/[\s,]+/).filter(Boolean);
    const numbers = words.map(Number);
    const fit = numbers.every((one) => Number.isInteger(one) && one >= least && one <= most);
    return fit && numbers.length >= 1 && numbers.length <= longest ? numbers : undefined;
  };
  element.addEventListener("input", changed);
  return {
    element,
    input: element,
    read,
    write: (value) => (element.value = value.join(", ")),
    name: (text) => element.setAttribute("aria-label", text),
  };
}

/** A slider for trying, and beside it the number itself, for saying exactly. */
function number(field, changed) {
  const scale = scaled(field);
  const slider = h("input", { type: "range", min: 0, max: scale.last, step: 1 });
  const exact = h("input", {
    type: "number", min: field.least, max: field.most, step: field.kind === "whole" ? 1 : "any", required: true,
  });
  const place = (value) => {
    slider.value = scale.position(value);
    slider.setAttribute("aria-valuetext", value);
  };
  slider.addEventListener("input", () => {
    exact.value = scale.value(slider.valueAsNumber);
    slider.setAttribute("aria-valuetext", exact.value);
    changed();
  });
  exact.addEventListener("input", () => {
    if (exact.validity.valid) place(exact.valueAsNumber);
    changed();
  });
  return {
    element: h("div", { class: "slider" }, slider, exact),
    input: exact,
    read: () => (exact.validity.valid ? exact.valueAsNumber : undefined),
    write: (value) => {
      exact.value = value;
      place(value);
    },
    name: (text) => {
      slider.setAttribute("aria-label", text);
      exact.setAttribute("aria-label", `${text}, exactly`);
    },
  };
}

/** A slider's whole positions 0 to `last`, and the values they stand for: even steps, or even steps of decades. */
export function scaled({ least, most, step, log, kind }) {
  const [low, high] = log ? [Math.log10(least), Math.log10(most)] : [least, most];
  const round = (value) => (kind === "whole" ? Math.round(value) : Number(value.toPrecision(log ? 2 : 9)));
  const last = Math.round((high - low) / step);
  return {
    last,
    value: (position) => Math.min(round(log ? 10 ** (low + position * step) : low + position * step), most),
    position: (value) => Math.min(Math.max(Math.round(((log ? Math.log10(value) : value) - low) / step), 0), last),
  };
}

const KINDS = { choice, widths, number, whole: number, switch: toggle };
