// SPDX-License-Identifier: Apache-2.0
// The form of Play, made of the server's table of fields: a row for each, with a cell for setting A and, while two are
// compared, one for B beside it. It knows no field by heart but those that it keeps folded away, and sends nothing.

import { h, put } from "./dom.js";
import { control } from "./play_controls.js";

const FOLDED = new Set([
  "model.dropout", "model.batch_norm", "optimizer.weight_decay", "init", "standardize", "loss",
]);
const LETTERS = ["A", "B"];

/**
 * The form: `element`; `ask()`, the body that the server takes, or null while a value is out of bounds or both settings
 * say the same; `fill(ask)`; `compare(on)` and `comparing()`; `trouble()`, why there is nothing to ask for, in words.
 * `changed()` is called after each change by hand.
 */
export function form(fields, changed) {
  const hear = () => {
    show();
    changed();
  };
  const rows = fields.map((field) => row(field, hear));
  const named = new Map(rows.map((one) => [one.field.name, one]));
  const letters = LETTERS.map((each) => h("span", {}, `Setting ${each}`));
  const heads = h("div", { class: "cells heads", "aria-hidden": "true" }, letters);
  const more = h("summary");
  const inFold = (one) => FOLDED.has(one.field.name);
  const fold = h("details", {}, more, rows.filter(inFold).map((one) => one.element));
  const element = h(
    "div",
    { class: "settings" },
    heads,
    rows.filter((one) => !inFold(one) && one.field.name !== "seeds").map((one) => one.element),
    fold,
    named.get("seeds")?.element,
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
    const changed = rows.filter((one) => inFold(one) && one.changed()).length;
    put(more, "More choices ", changed > 0 && h("span", { class: "tag" }, `${changed} changed`));
  };

  const setting = (which) => {
    const nested = {};
    for (const { field, cells } of rows.filter((one) => one.field.name !== "seeds")) {
      const [outer, inner] = field.name.split(".");
      // What does not matter is not looked at, but must be a value all the same.
      const given = cells[which].read() ?? field.default;
      if (inner) (nested[outer] ??= {})[inner] = given;
      else nested[outer] = given;
    }
    return nested;
  };

  const trouble = () => {
    for (const one of rows) {
      for (const which of [0, 1]) {
        if (matters(one, which) && one.cells[which].read() === undefined) return outside(one.field);
      }
    }
    return two && !rows.some((one) => one.differs()) ? "Both settings are the same. Change one of them." : "";
  };

  const ask = () => {
    if (trouble()) return null;
    return { settings: [0, 1].slice(0, two ? 2 : 1).map(setting), seeds: value(0, "seeds") };
  };

  const write = (which, given) => {
    for (const { field, cells } of rows.filter((one) => one.field.name !== "seeds")) {
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
    named.get("seeds").cells[0].write(given.seeds);
    show();
    // Nobody should have to look for what is compared.
    fold.open ||= two && rows.some((one) => inFold(one) && one.differs());
  };

  fill({ settings: [{}], seeds: named.get("seeds").field.default });
  return { element, ask, fill, compare, comparing: () => two, trouble };
}

/** One field's row: its title, a cell for each setting, and its hint. */
function row(field, changed) {
  const count = field.name === "seeds" ? 1 : 2;
  const cells = Array.from({ length: count }, () => control(field, changed));
  const tag = h("span", { class: "tag", hidden: true }, "differs");
  const id = `play-${field.name.replace(".", "-")}`;
  const hint = field.hint ? h("p", { class: "hint", id: `${id}-hint` }, field.hint) : null;
  const places = cells.map((cell, which) => h("div", { class: "cell", "data-setting": LETTERS[which] }, cell.element));
  const element = h(
    "div",
    {
      class: "field", "data-field": field.name,
      role: "group", "aria-label": field.title, "aria-describedby": hint?.id,
    },
    h("span", { class: "label", "aria-hidden": "true" }, field.title, tag),
    h("div", { class: "cells" }, places),
    hint,
  );
  const text = (cell) => JSON.stringify(cell.read() ?? null);
  let mattering = [true, false];
  const differs = () =>
    mattering[0] !== mattering[1] ? mattering.some(Boolean) : mattering[0] && text(cells[0]) !== text(cells[1]);

  const show = (two, matter) => {
    mattering = matter;
    element.hidden = !matter.some(Boolean);
    tag.hidden = !two || count === 1 || !differs();
    element.classList.toggle("differs", !tag.hidden);
    cells.forEach((cell, which) => {
      cell.name(two && count === 2 ? `${field.title}, setting ${LETTERS[which]}` : field.title);
      places[which].hidden = which === 1 && !two;
      places[which].classList.toggle("idle", !matter[which]);
    });
  };
  const usual = JSON.stringify(field.default);
  return {
    field,
    cells,
    element,
    show,
    differs: () => count === 2 && differs(),
    changed: () => cells.some((cell, which) => mattering[which] && text(cell) !== usual),
  };
}

function outside({ title, kind, least, most, longest }) {
  const what = { widths: `1 to ${longest} whole numbers`, whole: "a whole number" }[kind] ?? "a number";
  return `${title}: use ${what} from ${least} to ${most}.`;
}
