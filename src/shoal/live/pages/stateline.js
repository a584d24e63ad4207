// SPDX-License-Identifier: Apache-2.0
// The page's state in one line: the connection and the store, what trains and how long still, and a warning where
// data is drawn. Opened, it lists what trains and what waits, each with a button that ends it, whoever asked for it.

import { duration, h, put } from "./dom.js";

const WORDS = {
  connecting: "Connecting",
  lost: "Connection lost, trying again",
};

/**
 * The line inside `element`: `connection(name, words)`, `know(state)` as /api/state has it, `event(message)`.
 * `cancel(id)` is called when somebody wants a training to end, and promises an answer.
 */
export function stateLine(element, cancel) {
  const link = h("p", { class: "connection" });
  const now = h("summary");
  const list = h("ul");
  const work = h("details", { class: "working", hidden: true }, now, list);
  const other = h("p", { class: "working", hidden: true });
  const stamp = h("p", { class: "stamp", hidden: true });
  put(element, link, work, other, stamp);
  work.addEventListener("keydown", ({ key }) => {
    if (key !== "Escape" || !work.open) return;
    work.open = false;
    now.focus();
  });
  const trainings = new Map(); // id -> what was told of it, of those that have not ended
  let store = "";
  let elsewhere = false;
  let listed = "";

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

  /** What trains, then what waits, in the order in which it will train. */
  const inOrder = () => [...trainings.values()].sort((one, next) => one.place - next.place);

  const show = () => {
    const all = inOrder();
    const waiting = all.filter((one) => one.state === "queued").length;
    const [first] = all;
    other.hidden = !elsewhere || Boolean(first);
    put(other, !other.hidden && "A command works on this store");
    work.hidden = !first;
    if (!first) work.open = false;
    put(now, first && (waiting < all.length ? progress(first) : "Training begins"), waiting > 0 && queue(waiting));
    const key = all.map((one) => `${one.id} ${one.state}`).join();
    if (key === listed) return; // a button that somebody is about to press stays where it is
    listed = key;
    const there = list.contains(document.activeElement);
    put(list, all.map((one) => entry(one, cancel)));
    if (there && first) now.focus();
  };

  connection("connecting");
  return { connection, know, event };
}

function entry({ id, title, state }, cancel) {
  const said = h("span", {}, `${state === "training" ? "Trains" : "Waits"}: ${title}`);
  const end = () => cancel(id).catch((error) => put(said, error.message));
  return h("li", {}, said, h("button", { class: "button", onclick: end, "aria-label": `Cancel ${title}` }, "Cancel"));
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
