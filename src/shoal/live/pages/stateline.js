// SPDX-License-Identifier: Apache-2.0
// The page's state in one line: the connection and the store, what trains and how long still, and a warning where
// data is drawn. It listens to events and asks nothing itself.

import { duration, h, put } from "./dom.js";

const WORDS = {
  connecting: "Connecting",
  lost: "Connection lost, trying again",
};

/** The line inside `element`: `connection(name, words)`, `know(state)` as /api/state has it, `event(message)`. */
export function stateLine(element) {
  const link = h("p", { class: "connection" });
  const work = h("p", { class: "working", hidden: true });
  const stamp = h("p", { class: "stamp", hidden: true });
  put(element, link, work, stamp);
  const trainings = new Map();
  let store = "";
  let elsewhere = false;

  const connection = (name, words = WORDS[name]) => {
    link.dataset.state = name;
    put(link, h("span", { class: "dot", "aria-hidden": "true" }), words ?? `Connected to ${store}`);
  };

  const know = (state) => {
    store = state.store;
    const drawn = state.data.filter((one) => one.stand_in).map((one) => one.title);
    stamp.hidden = drawn.length === 0;
    put(stamp, `Drawings stand in for ${drawn.join(" and ")}: they say nothing of the real images.`);
    trainings.clear();
    state.training.forEach(keep);
    elsewhere = state.elsewhere;
    show();
  };

  const event = (message) => {
    if (message.topic === "training") keep(message);
    else if (message.topic === "elsewhere") elsewhere = message.trains;
    else return;
    show();
  };

  const keep = (training) => {
    if (training.state === "queued" || training.state === "training") trainings.set(training.id, training);
    else trainings.delete(training.id);
  };

  const now = () => [...trainings.values()].find((one) => one.state === "training");

  const show = () => {
    const one = now();
    const waiting = [...trainings.values()].filter((each) => each.state === "queued").length;
    work.hidden = !one && !waiting && !elsewhere;
    if (work.hidden) put(work);
    else if (one) put(work, progress(one), waiting > 0 && queue(waiting));
    else put(work, waiting ? "Training begins" : "Another command works on this store", waiting > 0 && queue(waiting));
  };

  connection("connecting");
  return { connection, know, event };
}

function progress({ done, total, left }) {
  return [
    h("span", {}, "Training"),
    h("progress", { class: "meter", "aria-label": "Epochs trained", max: Math.max(total, 1), value: done }),
    h("span", {}, `${done} of ${total} epochs`),
    left !== null && left !== undefined && h("span", {}, `${duration(left)} left`),
  ];
}

function queue(waiting) {
  return h("span", {}, waiting === 1 ? "1 more waits" : `${waiting} more wait`);
}
