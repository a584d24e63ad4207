// SPDX-License-Identifier: Apache-2.0
// One row of Play's form: the title of a field, a cell for setting A and perhaps one for B, its hint, and what is wrong
// with a value that may not be asked for, right below it. It knows nothing of other rows but what it is told.

import { h, put } from "./dom.js";
import { settled } from "./pace.js";
import { control } from "./play_controls.js";

const PATIENCE = 600; // milliseconds that somebody may be in the midst of typing a number
const LONG = 16; // letters; a list of longer words is cut off in half the form's width
export const LETTERS = ["A", "B"];

/**
 * A field's row: `element`, `cells`, its controls, `show(two, mattering)`, whether two settings are compared and for
 * which of them the field matters; `wrong()`, which cells hold nothing that may be asked for; `complain()` says so now
 * instead of after a pause; `differs()` and `changed()` tell how it stands. `changed()` is called after each change by
 * hand.
 */
export function row(field, changed) {
  const count = field.name === "seeds" ? 1 : 2;
  const cells = Array.from({ length: count }, () => control(field, changed));
  const id = `play-${field.name.replace(".", "-")}`;
  const tag = h("span", { class: "tag", hidden: true });
  const hint = field.hint ? h("p", { class: "hint", id: `${id}-hint` }, field.hint) : null;
  const fault = h("p", { class: "fault", role: "alert", id: `${id}-fault`, hidden: true });
  const places = cells.map((cell, which) => h("div", { class: "cell", "data-setting": LETTERS[which] }, cell.element));
  const long = field.kind === "choice" && field.choices.some(([, title]) => title.length > LONG);
  const element = h(
    "div",
    {
      class: long ? "field long" : "field", "data-field": field.name,
      role: "group", "aria-label": field.title, "aria-describedby": hint?.id,
    },
    h("span", { class: "label", "aria-hidden": "true" }, field.title, tag),
    h("div", { class: "cells" }, places),
    fault,
    hint,
  );
  const usual = JSON.stringify(field.default);
  const text = (cell) => JSON.stringify(cell.read() ?? null);
  let mattering = [true, false];
  let comparing = false;

  const wrong = () => [0, 1].filter((which) => which < count && mattering[which] && cells[which].read() === undefined);

  const complain = () => {
    const faults = wrong();
    cells.forEach((cell, which) => cell.fault(faults.includes(which) ? fault.id : null));
    fault.hidden = !faults.length;
    const whose = comparing && faults.length === 1 && count === 2 ? `, setting ${LETTERS[faults[0]]}` : "";
    const words = faults.length ? `${field.title}${whose}: ${allowed(field)}` : "";
    if (fault.textContent !== words) put(fault, words); // what is said again is heard again
  };
  const later = settled(PATIENCE, complain);

  const differs = () =>
    mattering[0] !== mattering[1] ? mattering.some(Boolean) : mattering[0] && text(cells[0]) !== text(cells[1]);
  const unusual = () => cells.some((cell, which) => mattering[which] && text(cell) !== usual);

  const show = (two, matter) => {
    [comparing, mattering] = [two, matter];
    element.hidden = !matter.some(Boolean);
    const other = two && count === 2 && differs();
    const word = other ? "differs" : field.folded && unusual() ? "changed" : "";
    tag.hidden = !word;
    put(tag, word);
    element.classList.toggle("differs", other);
    cells.forEach((cell, which) => {
      cell.name(two && count === 2 ? `${field.title}, setting ${LETTERS[which]}` : field.title);
      places[which].hidden = which === 1 && !two;
      places[which].classList.toggle("idle", !matter[which]);
    });
    if (wrong().length) later();
    else complain(); // what is mended is told at once
  };

  return { field, cells, element, show, wrong, complain, differs: () => count === 2 && differs(), changed: unusual };
}

function allowed({ kind, least, most, longest }) {
  const what = { widths: `1 to ${longest} whole numbers`, whole: "a whole number" }[kind] ?? "a number";
  return `use ${what} from ${least} to ${most}.`;
}
