// SPDX-License-Identifier: Apache-2.0
// The form of Play, made of the server's table of fields: a row for each, with a cell for setting A and, while two are
// compared, one for B beside it. It knows no field by heart but those that it keeps folded away, and sends nothing.

import { h, put } from "./dom.js";
import { LETTERS, row } from "./play_row.js";

const FOLDED = new Set([
  "model.dropout", "model.batch_norm", "optimizer.weight_decay", "init", "standardize", "loss",
]);

/**
 * The form: `element`; `ask()`, the body that the server takes, or null while a value is out of bounds or both settings
 * say the same; `values()`, the same with defaults in place of what is out of bounds; `fill(ask)`; `compare(on)` and
 * `comparing()`; `same()`, whether two are compared that say the same; `complain()`, which says what is out of bounds,
 * leads there, and tells whether there is anything. `changed()` is called after each change by hand.
 */
export function form(fields, changed) {
  const hear = () => {
    show();
    changed();
  };
  const rows = fields.map((field) => row({ ...field, folded: FOLDED.has(field.name) }, hear));
  const named = new Map(rows.map((one) => [one.field.name, one]));
  const seeds = named.get("seeds");
  const ofSetting = rows.filter((one) => one !== seeds);
  const folded = rows.filter((one) => one.field.folded);
  const letters = LETTERS.map((each) => h("span", {}, `Setting ${each}`));
  const heads = h("div", { class: "cells heads", "aria-hidden": "true" }, letters);
  const more = h("summary");
  const fold = h("details", {}, more, folded.map((one) => one.element));
  const element = h(
    "div",
    { class: "settings" },
    heads,
    ofSetting.filter((one) => !one.field.folded).map((one) => one.element),
    fold,
    seeds.element,
  );
  let two = false;

  const value = (which, name) => named.get(name).cells[which].read();
  const matters = (one, which) =>
    one.cells.length > which &&
    (which === 0 || two) &&
    Object.entries(one.field.when ?? {}).every(([other, words]) => words.includes(value(which, other)));

  const show = () => {
    heads.hidden = !two;
    element.classList.toggle("two", two);
    for (const one of rows) one.show(two, [0, 1].map((which) => matters(one, which)));
    const changed = folded.filter((one) => one.changed()).map((one) => one.field.title);
    put(more, "More choices ", changed.length > 0 && h("span", { class: "tag" }, `changed: ${changed.join(", ")}`));
  };

  const setting = (which) => {
    const nested = {};
    for (const { field, cells } of ofSetting) {
      const [outer, inner] = field.name.split(".");
      // What does not matter is not looked at, but must be a value all the same.
      const given = cells[which].read() ?? field.default;
      if (inner) (nested[outer] ??= {})[inner] = given;
      else nested[outer] = given;
    }
    return nested;
  };

  const values = () => ({
    settings: [0, 1].slice(0, two ? 2 : 1).map(setting),
    seeds: value(0, "seeds") ?? seeds.field.default,
  });
  const same = () => two && !rows.some((one) => one.differs());
  const ask = () => (same() || rows.some((one) => one.wrong().length) ? null : values());

  const complain = () => {
    rows.forEach((one) => one.complain());
    const first = rows.find((one) => one.wrong().length);
    if (first?.field.folded) fold.open = true;
    first?.cells[first.wrong()[0]].focus();
    return Boolean(first);
  };

  const write = (which, given) => {
    for (const { field, cells } of ofSetting) {
      const [outer, inner] = field.name.split(".");
      cells[which].write((inner ? given[outer]?.[inner] : given[outer]) ?? field.default);
    }
  };

  const compare = (on) => {
    if (on && !two) write(1, setting(0));
    two = on;
    show();
  };

  const fill = (given) => {
    two = given.settings.length === 2;
    write(0, given.settings[0]);
    write(1, given.settings[1] ?? given.settings[0]);
    seeds.cells[0].write(given.seeds ?? seeds.field.default);
    show();
    fold.open ||= folded.some((one) => one.changed()); // nobody should have to look for what is not as usual
  };

  fill({ settings: [{}] });
  return { element, ask, values, fill, compare, comparing: () => two, same, complain };
}
