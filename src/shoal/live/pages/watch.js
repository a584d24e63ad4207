// SPDX-License-Identifier: Apache-2.0
// The room Watch: choose a study, see its curves, its verdicts and its runs, live while anybody trains. It reads and
// never trains. Records move meters and rows at once; what costs the server something is read again at its pace.

import { memory } from "./memory.js";
import { paced } from "./pace.js";
import { apart, curves } from "./watch_chart.js";
import { runs } from "./watch_runs.js";
import { standing, studies } from "./watch_studies.js";
import { verdicts } from "./watch_verdicts.js";

const QUIET = 11_000; // milliseconds without a record after which it is asked whether anything trains still

/** Builds the room. */
export async function enter(root, lab) {
  const { h, put } = lab.dom;
  let chosen = null;
  let newest = 0; // how new the store is, as far as this page has heard
  let visible = true;
  let least = 1000; // milliseconds between two readings
  let quiet = 0;

  const read = paced(() => least, () => visible && everything().catch(failed));
  const list = studies(lab, (name) => choose(name));
  const chart = curves(lab, () => chart.read(chosen).catch(failed));
  const table = runs(lab, () => table.read(chosen).catch(failed));
  const said = verdicts(lab);
  const title = h("h2", { id: "watch-title" });
  const state = h("p", { class: "lead standing" });
  const trouble = h("div", { class: "error", role: "alert", hidden: true });
  const study = h("div", { class: "study", role: "group", "aria-labelledby": "watch-title" });
  put(study, title, state, chart.element, said.element, table.element);
  const empty = nothing(h, lab.state.store);
  const full = h("div", { class: "studies-and-study unread" }, list.element, study); // it has its width, and is not seen
  put(root, trouble, empty, full);
  new ResizeObserver(() => visible && chosen !== null && chart.resized()).observe(study);

  async function everything() {
    const [plot, rows] = [chart.asking(chosen), table.asking(chosen)];
    const which = chosen === null ? { first: true } : { study: chosen };
    const answer = await apart(lab.api, "/api/watch/reading", { ...which, ...plot.query, ...rows.query });
    const { overview, study: name } = answer;
    trouble.hidden = true;
    empty.hidden = name !== null;
    full.hidden = name === null;
    full.classList.remove("unread");
    if (name === null) return;
    chosen ??= name;
    list.show(overview, chosen);
    tell();
    wait(overview.totals.running > 0);
    said.read(chosen).then(behind, failed); // what is dear to judge holds nothing up
    if (chosen !== name) return; // another was chosen meanwhile, and is read next
    behind(Math.min(overview.stored, rows.show(answer.table, name), await plot.show(answer.chart, name)));
  }

  /** What was read is older than what has been heard of: it is read again, when it is time. */
  function behind(stored) {
    if (stored < newest) read();
  }

  function choose(name) {
    chosen = name;
    list.mark(name);
    tell();
    read.fresh();
    read();
    lab.say(`${title.textContent}. ${state.textContent}`);
  }

  function tell() {
    const entry = list.entry(chosen);
    put(title, entry.title);
    put(state, standing(entry, lab.dom.duration));
    const { study: before, ended } = state.dataset;
    if (before === entry.name && ended === "false" && entry.ended) lab.say(`${entry.title}: finished`);
    Object.assign(state.dataset, { study: entry.name, ended: entry.ended });
  }

  function failed(error) {
    if (error.status === 404 && chosen !== null) return another();
    if (error.name === "Unreachable" || error.name === "AbortError") return; // the state line says so
    trouble.hidden = false;
    put(trouble, h("p", {}, error.message));
  }

  /** The study that was looked at is gone: the store was exchanged for another. */
  function another() {
    chosen = null;
    read.fresh();
    read();
  }

  /** Asks again once nothing has come for a while: whoever trained may have been stopped. */
  function wait(running) {
    clearTimeout(quiet);
    if (running) quiet = setTimeout(() => read(), QUIET);
  }

  function heard(message) {
    newest = message.stored;
    if (message.pace) least = 1000 * message.pace;
    for (const record of message.records ?? []) {
      list.record(record);
      table.record(record);
    }
    if (chosen !== null && !full.hidden) tell();
    read();
  }

  const { kept, keep } = memory("watch");
  if (kept) {
    chosen = kept.study;
    chart.choose(kept);
    table.choose(kept);
  }
  await read();
  keep(() => ({ study: chosen, chart: chart.chosen(), order: table.chosen() }));
  return {
    show() {
      if (visible) return; // it has just been entered, and read
      visible = true;
      read.fresh();
      read();
    },
    hide() {
      visible = false;
    },
    event(message) {
      if (message.topic === "hello" || message.topic === "records") heard(message);
      else if (whoTrains(message)) read();
    },
  };
}

/** Whether it says that somebody begins to train, or trains no longer. */
function whoTrains({ topic, state }) {
  return topic === "elsewhere" || (topic === "training" && ["finished", "cancelled", "failed"].includes(state));
}

function nothing(h, store) {
  const typed = /^[\w.-]+$/.test(store) ? store : `'${store.replaceAll("'", "'\\''")}'`; // as a shell takes it
  const play = h("a", { href: "#play" }, "Play");
  return h(
    "div",
    { class: "nothing", hidden: true },
    h("h2", {}, "Nothing has been trained yet"),
    h("p", { class: "lead" }, "Every run of the store shows here: its curves while it trains, and afterwards."),
    h("p", {}, "Train a first network in ", play, ", or a study of the report in a terminal:"),
    h("pre", {}, h("code", {}, `shoal run learning-rates --store ${typed}`)),
    h("p", { class: "hint" }, `In the folder of ${store}, in the environment that serves this page.`),
  );
}
