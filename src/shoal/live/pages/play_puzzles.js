// SPDX-License-Identifier: Apache-2.0
// The sections of the report as questions that are ready to be asked: a button each, and what to look at once chosen.

import { h, put } from "./dom.js";

const WIDE = matchMedia("(min-width: 860px)"); // below it the list would push everything else off the screen

/**
 * The list: `element`, `look`, the sentences of the chosen one, and `choose(puzzle)`, with null for none. It stays
 * chosen while its settings are changed, which is what most of them ask for; `hear(ask)` is told of these, and lets go
 * of it once they are of other data or another kind of model.
 */
export function puzzleList(puzzles, play) {
  const buttons = puzzles.map((one) =>
    h("button", { class: "button", type: "button", "aria-pressed": "false", onclick: () => play(one) },
      h("span", { class: "number" }, one.section), h("span", {}, one.title)));
  const look = h("p", { class: "look", hidden: true });
  const element = h(
    "details",
    { class: "puzzles", open: WIDE.matches },
    h("summary", {}, "Puzzles: the report's sections, one click each"),
    h("div", {}, buttons),
  );
  let now = null;
  const choose = (chosen) => {
    now = chosen;
    buttons.forEach((one, at) => one.setAttribute("aria-pressed", String(puzzles[at] === chosen)));
    look.hidden = chosen === null;
    if (chosen === null) return;
    put(look, h("strong", {}, chosen.question), ` Look at: ${chosen.look} It trains ${chosen.takes}.`);
    if (!WIDE.matches) look.scrollIntoView();
  };
  const hear = ({ settings }) => {
    if (now && !now.ask.settings.every((one, at) => !settings[at] || alike(one, settings[at]))) choose(null);
  };
  return { element, look, choose, hear };
}

const alike = (one, other) => one.data === other.data && one.model.kind === other.model.kind;
