// SPDX-License-Identifier: Apache-2.0
// The room where a slider is an experiment: choose a setting, train it, change it and see it train again. What may be
// chosen, what is drawn and what it means come from the server; here they are put in their places and kept up to date.

import { h, put } from "./dom.js";
import { memory } from "./memory.js";
import { paced, settled } from "./pace.js";
import { curves } from "./play_curves.js";
import { form } from "./play_form.js";
import { linked } from "./play_links.js";
import { progress } from "./play_progress.js";
import { puzzleList } from "./play_puzzles.js";
import { sight } from "./play_sight.js";
import { studyFile } from "./play_study.js";
import { following } from "./play_training.js";

const STILL = 60; // milliseconds that a control must rest before it trains by itself
const CHARTS = 250; // milliseconds between readings of the chart
const LESSONS = 700;
const SAME = "Both settings are the same so far. Change something in B.";

/** Builds the room; see main.js for what it answers to. */
export async function enter(root, lab) {
  const { fields, defaults, puzzles } = await lab.api.get("/api/play/form");
  const remark = h("div", { class: "hint", role: "status", hidden: true });
  const refusal = h("div", { class: "error", role: "alert", hidden: true });
  const trouble = h("div", { class: "error", role: "alert", hidden: true });
  const always = h("input", { type: "checkbox", role: "switch", checked: true });
  let visible = true;
  let pace = CHARTS;
  let trained = { settings: [], seeds: 0 }; // what the training is of: labels and data of its settings

  // ---- asking -----------------------------------------------------------------------------------------

  let first; // the setting whose weights a puzzle begins with

  const begin = paced(() => 0, async () => {
    soon.stop();
    const ask = choices.ask();
    if (!ask) return;
    try {
      const { settings } = await training.begin(ask);
      draw.fresh();
      say(refusal, "");
      say(trouble, "");
      trained = { settings: settings.map(({ label }, at) => ({ label, data: ask.settings[at].data })), seeds: ask.seeds };
      lessons.about(trained.settings, trained.seeds, first);
      first = undefined;
    } catch (error) {
      refused(error);
    }
  });
  const soon = settled(STILL, begin);

  /** Somebody asks for it, and does not only move a slider. */
  const train = () => {
    if (!ready()) return;
    lab.say("Training begins");
    begin();
  };

  /** Whether there is something to ask for; if not, it is said where. */
  const ready = () => {
    remind();
    return !choices.complain() && !choices.same();
  };

  /** The server said no to what was asked: its words stand beside what was pressed. */
  const refused = (error) => say(refusal, error.message);

  const submit = (event) => {
    event.preventDefault(); // it is sent by script, and not before it was looked at
    train();
  };

  const remind = () => say(remark, choices.same() ? SAME : "");

  const changed = () => {
    remind();
    list.hear(choices.values());
    file.element.hidden = true; // it says what was chosen before
    if (training.id() !== null && always.checked && choices.ask()) soon();
    else soon.stop();
  };

  const fill = (ask) => {
    soon.stop();
    choices.fill(ask);
    compare.sync();
    remind();
    say(refusal, "");
    file.element.hidden = true;
  };

  /** Fills the form as the address asks, once: from then on it is the form's own, also after a reload. */
  const open = async (given) => {
    try {
      const found = await linked(lab, fields, given);
      if (!found) return;
      history.replaceState(null, "", "#play");
      fill(found.ask);
      list.choose(null);
      say(remark, found.words);
      press.focus();
    } catch (error) {
      refused(error);
      refusal.scrollIntoView({ block: "nearest" });
    }
  };

  const play = (puzzle) => {
    fill(puzzle.ask);
    plot.choose(puzzle);
    list.choose(puzzle);
    first = puzzle.setting;
    lessons.lead(puzzle.lesson);
    train();
  };

  const cancel = () => {
    soon.stop();
    training.cancel().catch((error) => say(trouble, error.message)); // it is pressed there
  };

  // ---- following --------------------------------------------------------------------------------------

  const training = following(lab, (told, ended) => {
    line.show(told);
    if (told.state === "failed") say(trouble, told.error);
    if (!ended) return;
    look();
    if (told.state === "finished") lab.say(`Training finished, ${told.total} epochs`);
  });

  /** Goes on where this tab was before it was loaded again: with the form, and the training if it is still known. */
  const resume = async ({ ask, always: again, chart, training: mark, trained: before }) => {
    fill(ask);
    always.checked = again;
    plot.choose(chart);
    if (!(await training.resume(mark))) return;
    trained = before;
    lessons.about(trained.settings, trained.seeds);
  };

  /** Reads a part of the room again, if there is anything to see and anybody to see it. */
  const reading = (gap, part) => paced(gap, async () => {
    if (training.id() === null || !visible) return;
    const id = training.id(); // a late answer of the training before is not shown as the next one's
    try {
      const drawn = await part().read(id, () => training.id() === id);
      if (drawn === false) draw.fresh(); // the first point is not to wait for its turn
    } catch (error) {
      // Without a connection the head of the page says so, and all is read again once it is back.
      if (error.name !== "Unreachable") say(trouble, error.message);
    }
  });
  const draw = reading(() => pace, () => plot);
  const learn = reading(() => LESSONS, () => lessons);
  const look = async () => {
    await draw(); // the first point comes before what the weights say
    learn();
  };

  // ---- the room ---------------------------------------------------------------------------------------

  const choices = form(fields, changed);
  choices.fill(defaults);
  const list = puzzleList(puzzles, play);
  const compare = second(choices, changed);
  const file = studyFile(lab, () => (ready() ? choices.ask() : null), refused);
  const line = progress(cancel);
  const plot = curves(lab, draw);
  const lessons = sight(lab, learn);
  const press = h("button", { class: "button primary", type: "submit" }, "Train");
  const bench = h(
    "form",
    { class: "bench", "aria-label": "Setting", novalidate: true, onsubmit: submit },
    choices.element,
    h("div", { class: "foot" },
      remark, refusal, h("div", { class: "actions" }, press, compare.button, file.button)),
    h("div", { class: "field" }, h("label", {}, always, "Train again on every change")),
  );
  put(
    root,
    h("h2", {}, "Play"),
    h("p", { class: "lead" }, "Train a network, change one thing, see what changes. Every run is stored."),
    list.element,
    h("div", { class: "table" },
      bench,
      h("div", { class: "outcome" }, list.look, line.element, trouble, file.element, plot.element, lessons.element)),
  );

  const { kept, keep } = memory("play");
  if (kept) await resume(kept);
  keep(() => ({
    ask: choices.values(), always: always.checked, chart: plot.chosen(), training: training.mark(), trained,
  }));

  return {
    event(message) {
      if (message.pace) pace = message.pace > 1 ? 1000 * message.pace : CHARTS;
      if (training.hear(message)) look();
    },
    show(given) {
      visible = true;
      look();
      return open(given);
    },
    hide() {
      visible = false;
    },
  };
}

/** Words in a place that is only there while it has some. */
function say(place, words) {
  place.hidden = !words;
  put(place, words && h("p", {}, words));
}

/** The button that puts a second setting beside the first, and takes it away again. */
function second(choices, changed) {
  const button = h("button", { class: "button", type: "button" });
  const sync = () => (button.textContent = choices.comparing() ? "Back to one setting" : "Compare with a second");
  button.addEventListener("click", () => {
    choices.compare(!choices.comparing());
    sync();
    changed();
  });
  sync();
  return { button, sync };
}
