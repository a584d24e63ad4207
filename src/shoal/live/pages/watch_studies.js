// SPDX-License-Identifier: Apache-2.0
// The studies of the store: how far each has come, and which one is looked at. Between two readings it moves its
// meters itself, by the records of the runs that were on their way.

import { grouped } from "./dom.js";

/** The list; `chosen(name)` is called when one is picked. */
export function studies(lab, chosen) {
  const { h, put, duration } = lab.dom;
  const items = h("ul", {});
  const element = h("nav", { class: "list", "aria-label": "Studies" }, h("h3", {}, "Studies"), items);
  const known = new Map(); // name -> { entry, button, ... }
  let open = new Map(); // run -> [{ entry, done, asked }]: it may belong to several studies

  function show(overview, current) {
    open = new Map();
    const names = overview.studies.map((one) => one.name);
    for (const name of known.keys()) if (!names.includes(name)) known.delete(name);
    for (const entry of overview.studies) {
      const item = known.get(entry.name) ?? made(entry.name);
      item.entry = entry;
      for (const [run, done, asked] of entry.open) {
        if (!open.has(run)) open.set(run, []);
        open.get(run).push({ entry, done, asked });
      }
      known.set(entry.name, item);
      refresh(item);
    }
    const wanted = names.map((name) => known.get(name).item);
    const there = [...items.children];
    if (there.length !== wanted.length || wanted.some((item, place) => there[place] !== item)) put(items, wanted);
    mark(current);
  }

  function made(name) {
    const title = h("span", { class: "name" });
    const counts = h("span", { class: "counts" });
    const meter = h("progress", { class: "meter", max: 1, value: 0 });
    const more = h("span", { class: "more" });
    const button = h("button", { type: "button", onclick: () => chosen(name) }, title, counts, meter, more);
    return { item: h("li", {}, button), button, title, counts, meter, more };
  }

  function refresh({ entry, title, counts, meter, more }) {
    const [done, total] = entry.epochs;
    entry.ended = entry.finished + entry.diverged === entry.runs;
    put(title, entry.title);
    put(counts, `${grouped(entry.finished + entry.diverged)} of ${grouped(entry.runs)}`);
    meter.max = Math.max(total, 1);
    meter.value = done;
    meter.setAttribute("aria-label", `Epochs of ${entry.title}`);
    const parts = [entry.diverged > 0 && `${grouped(entry.diverged)} diverged`, left(entry, duration)].filter(Boolean);
    put(more, parts.join(" · "));
    more.hidden = parts.length === 0;
  }

  function mark(name) {
    for (const [each, { button }] of known) {
      if (each === name) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
  }

  function record([run, epoch, , , , , , , , diverged]) {
    for (const one of open.get(run) ?? []) {
      const reached = diverged === null ? Math.min(epoch, one.asked) : one.asked;
      if (reached <= one.done) continue;
      one.entry.epochs[0] += reached - one.done;
      one.done = reached;
      one.entry.training = true;
      if (reached === one.asked) {
        one.entry.unfinished -= 1;
        one.entry[diverged === null ? "finished" : "diverged"] += 1;
      }
      refresh(known.get(one.entry.name));
    }
  }

  return { element, show, mark, record, entry: (name) => known.get(name).entry };
}

function left(entry, duration) {
  if (entry.training && entry.left !== null) return `${duration(entry.left)} left`;
  return entry.training && !entry.ended ? "training" : "";
}

/** How a study stands, in a sentence. */
export function standing(entry, duration) {
  const [done, total] = entry.epochs;
  const lost = entry.diverged ? `, ${grouped(entry.diverged)} diverged` : "";
  const all = `${grouped(entry.runs)} ${entry.runs === 1 ? "run" : "runs"}`;
  if (entry.ended) return `Finished: ${all}${lost}, ${grouped(total)} epochs.`;
  const ended = grouped(entry.finished + entry.diverged);
  const reached = `${ended} of ${all} ended${lost}, ${grouped(done)} of ${grouped(total)} epochs`;
  if (!entry.training) return `Not finished: ${reached}. It is not being trained at the moment.`;
  return `Training: ${reached}${entry.left === null ? "" : `, ${duration(entry.left)} left`}.`;
}
