// SPDX-License-Identifier: Apache-2.0
// Elements made by script. Text enters only as text: there is no way here to read markup from a string.

/**
 * An element with attributes and children.
 * A function is a listener (`onclick`), an object is a style, `true` an empty attribute; false, null and undefined
 * leave an attribute or a child out. `value` is set once the children are there, so that a select knows it.
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  const { value, ...others } = attributes ?? {};
  for (const [name, given] of Object.entries(others)) set(element, name, given);
  put(element, ...children);
  if (value !== undefined && value !== null) element.value = value;
  return element;
}

function set(element, name, value) {
  if (value === undefined || value === null || value === false) return;
  if (typeof value === "function") element.addEventListener(name.replace(/^on/, ""), value);
  else if (typeof value === "object") for (const [key, one] of Object.entries(value)) element.style.setProperty(key, one);
  else element.setAttribute(name, value === true ? "" : value);
}

/** Puts these children in place of those an element has. */
export function put(element, ...children) {
  const kept = children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
  element.replaceChildren(...kept.map((child) => (child instanceof Node ? child : String(child))));
  return element;
}

let fields = 0;

/** A control with its label above it and, if given, a hint below it that a screen reader reads with it. */
export function field(label, control, hint = "") {
  control.id ||= `field-${++fields}`;
  if (hint) control.setAttribute("aria-describedby", `${control.id}-hint`);
  return h(
    "div",
    { class: "field" },
    h("label", { for: control.id }, label),
    control,
    hint && h("span", { id: `${control.id}-hint`, class: "hint" }, hint),
  );
}

/** A whole number as people read it: "10,000". */
export const grouped = (number) => number.toLocaleString("en");

/** Seconds in words: "8 s", "1 min 12 s", "2 h 5 min". */
export function duration(seconds) {
  const whole = Math.max(Math.round(seconds), 0);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
