// SPDX-License-Identifier: Apache-2.0
// A study's runs as a table, a page of it at a time, sorted by the server. Between two readings it moves the rows
// that are there by the records of their runs; it never puts them into another order by itself.

import { grouped } from "./dom.js";

const MARKS = { finished: "●", training: "◔", unfinished: "◔", diverged: "×", waiting: "·" };
const METRICS = ["train_loss", "train_accuracy", "validation_loss", "validation_accuracy"];
const PLACES = { loss: 4, accuracy: 4, seconds: 2 };
const NUMERIC = new Set(["seed", "epochs", "loss", "accuracy", "seconds"]);

/** The table; `changed()` is called when another order or another page is wanted. */
export function runs(lab, changed) {
  const { h, put } = lab.dom;
  const shared = h("p", { class: "hint" });
  const head = h("tr", {});
  const body = h("tbody", {});
  const inside = h("table", { class: "runs" }, h("thead", {}, head), body);
  const scroller = h("div", { class: "tabular", tabindex: "0", role: "group", "aria-label": "Runs" }, inside);
  const where = h("span", { class: "where", role: "status" });
  const back = h("button", { type: "button", class: "button", onclick: () => turnTo(-1) }, "Previous");
  const on = h("button", { type: "button", class: "button", onclick: () => turnTo(1) }, "Next");
  const pages = h("div", { class: "pages" }, where, back, on);
  const element = h("section", { "aria-label": "Runs" }, h("h3", {}, "Runs"), shared, scroller, pages);

  let study = null;
  let order = { sort: "", descending: false, offset: 0 };
  let shown = null; // the latest answer
  let turn = 0;
  let rows = new Map(); // run -> { values, cells }

  /** What to ask for of a study, and `show` for the answer, which says how new it is: nothing if it came too late. */
  function asking(name) {
    const mine = ++turn;
    if (name !== study) order = { sort: "", descending: false, offset: 0 };
    study = name;
    return { query: order, show: (answer, of) => (mine === turn ? show(answer, of) : Infinity) };
  }

  /** Asks for the table alone, in another order or another page of it. */
  async function read(name) {
    const one = asking(name);
    return one.show(await lab.api.get("/api/watch/table", { study: name, ...one.query }), name);
  }

  function show(answer, name) {
    study = name;
    if (answer.offset >= answer.total && answer.offset > 0) order.offset = 0; // runs have gone
    shown = answer;
    heads();
    fill();
    return answer.stored;
  }

  function heads() {
    const key = JSON.stringify([shown.columns, order.sort, order.descending]);
    if (head.dataset.key === key) return;
    const held = head.contains(document.activeElement) ? document.activeElement.dataset.column : null;
    head.dataset.key = key;
    put(head, shown.columns.map((column) => heading(column)), h("td", {}));
    if (held) [...head.querySelectorAll("button")].find((one) => one.dataset.column === held)?.focus();
  }

  function heading({ key, title, kind }) {
    const sorted = key === order.sort;
    const way = order.descending ? "descending" : "ascending";
    const arrow = sorted && h("span", { "aria-hidden": "true" }, order.descending ? "\u00a0↓" : "\u00a0↑");
    const button = h("button", { type: "button", "data-column": key, onclick: () => sort(key, kind) }, title, arrow);
    const classes = `${NUMERIC.has(kind) ? "n" : ""} ${kind === "field" ? "differs" : ""}`.trim();
    return h("th", { scope: "col", class: classes || null, "aria-sort": sorted ? way : "none" }, button);
  }

  function sort(key, kind) {
    const again = key === order.sort;
    order = { sort: key, descending: again ? !order.descending : kind === "accuracy", offset: 0 };
    changed();
  }

  function turnTo(step) {
    order = { ...order, offset: Math.max(order.offset + step * shown.page, 0) };
    changed();
  }

  function fill() {
    rows = new Map();
    const made = shown.rows.map(({ run, cells }) => {
      const line = shown.columns.map((column) => h("td", { class: style(column, cells, shown.columns) }));
      const row = { values: cells, cells: line };
      if (run !== null) rows.set(run, row);
      paint(row);
      return h("tr", {}, line, h("td", {}, run !== null && played(run)));
    });
    put(body, made);
    const facts = shown.shared.map(([name, value]) => `${name} ${value}`).join(" · ");
    put(shared, facts && `The same for all${shown.known ? "" : " that have begun"}: ${facts}.`);
    const last = Math.min(shown.offset + shown.page, shown.total);
    put(where, `${grouped(shown.offset + 1)} to ${grouped(last)} of ${grouped(shown.total)} runs`);
    pages.hidden = shown.total <= shown.page;
    back.disabled = shown.offset === 0;
    on.disabled = last >= shown.total;
  }

  function played(run) {
    return h("a", { href: `#play?run=${run}`, "aria-label": `Open run ${run} in Play` }, "Play");
  }

  function paint({ values, cells }) {
    for (const [place, column] of shown.columns.entries()) {
      if (column.kind === "status") {
        const word = values[place];
        cells[place].dataset.status = word;
        put(cells[place], h("span", { class: "mark", "aria-hidden": "true" }, MARKS[word]), word);
      } else put(cells[place], told(values[place], column.kind));
    }
  }

  function record([run, epoch, , , ...rest]) {
    const row = rows.get(run);
    if (!row) return;
    const at = (key) => shown.columns.findIndex((column) => column.key === key);
    const [done, asked] = row.values[at("epochs")];
    if (epoch <= done || epoch > asked) return;
    const [seconds, diverged] = rest.slice(4);
    row.values[at("epochs")] = [epoch, asked];
    METRICS.forEach((key, place) => (row.values[at(key)] = rest[place]));
    row.values[at("seconds")] += seconds ?? 0;
    row.values[at("status")] = diverged !== null ? "diverged" : epoch === asked ? "finished" : "training";
    paint(row);
  }

  /** Goes on with a study in the order that `chosen` told, before the page was loaded again. */
  const choose = (before) => ({ study, order } = before);

  return { element, asking, read, record, choose, chosen: () => order };
}

function style(column, cells, columns) {
  const number = NUMERIC.has(column.kind) || typeof cells[columns.indexOf(column)] === "number";
  return [number && "n", column.kind === "field" && "differs"].filter(Boolean).join(" ") || null;
}

function told(value, kind) {
  if (value === null) return "–";
  if (kind === "epochs") return `${value[0]} of ${value[1]}`;
  if (!(kind in PLACES)) return typeof value === "number" ? String(value).replace("-", "−") : value;
  if (kind === "loss" && Math.abs(value) >= 1e5) return value.toExponential(2);
  return value.toFixed(PLACES[kind]).replace(/^(-?)0\./, "$1.").replace("-", "−");
}
