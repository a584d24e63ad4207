// SPDX-License-Identifier: Apache-2.0
// A study's curves: what to show, the chart, its caption, and the same numbers as a table for whoever reads it
// without a pointer. It draws what the server composed.

/** The figure with its controls; `changed()` is called when something else is to be shown. */
export function curves(lab, changed) {
  const { h, put, field } = lab.dom;
  const metric = h("select", { name: "metric" });
  const by = h("select", { name: "by" });
  const x = h("select", { name: "x" });
  const smooth = h("select", { name: "smooth" });
  const logX = h("input", { type: "checkbox", name: "log_x" });
  const logY = h("input", { type: "checkbox", name: "log_y" });
  const controls = h(
    "div",
    { class: "controls" },
    field("Show", metric),
    field("A line for each", by),
    field("Horizontal axis", x),
    field("Smoothing", smooth),
    h(
      "fieldset",
      { class: "field" },
      h("legend", {}, "Log scale"),
      tick(h, logX, "horizontal"),
      tick(h, logY, "vertical"),
    ),
  );
  const plot = h("div", { class: "plot", tabindex: "0", role: "group", "aria-label": "Chart" });
  const caption = h("figcaption", { class: "caption" });
  const scroller = h("div", { class: "tabular", tabindex: "0", role: "group", "aria-label": "Numbers of the chart" });
  const numbers = h("details", { class: "numbers" }, h("summary", {}, "Numbers"), scroller);
  const element = h("section", { class: "curves", "aria-label": "Curves" });
  put(element, controls, h("figure", { class: "figure" }, plot, caption, numbers));

  lab.chart.ready().catch(() => {}); // the first chart says so if it cannot be drawn
  let study = null;
  let turn = 0;
  let width = 0;
  let answer = null;
  let drawn = "";
  for (const control of [metric, by, x, smooth, logX, logY]) control.addEventListener("change", changed);
  numbers.addEventListener("toggle", () => tabulate());

  /** What to ask for of a study, and `show` for the answer, which says how new it is: nothing if it came too late. */
  function asking(name) {
    const mine = ++turn;
    width = room();
    const query = { ...asked(), ...(name === study ? {} : { by: null }), width };
    return { query, show: (given, of) => (mine === turn ? show(given, of) : Infinity) };
  }

  /** Asks for the chart alone, as one of its controls was moved. */
  async function read(name) {
    const one = asking(name);
    return one.show(await ask({ ...one.query, study: name }), name);
  }

  async function show(given, name) {
    answer = given;
    offer(given.choices, name === study);
    study = name;
    put(caption, given.caption);
    numbers.hidden = given.numbers.rows.length === 0;
    tabulate();
    await draw(given);
    return given.stored;
  }

  async function draw({ chart, caption: words }) {
    const text = JSON.stringify(chart);
    if (text === drawn) return;
    plot.hidden = chart === null;
    if (chart === null) lab.chart.clear(plot);
    else await lab.chart.draw(plot, chart, { title: "Curves", description: words });
    drawn = text; // not before: what could not be drawn is tried again
  }

  function asked() {
    const boxes = { log_x: logX.checked || null, log_y: logY.checked || null };
    const said = Object.fromEntries([metric, by, x, smooth].map((one) => [one.name, one.value || null]));
    return { ...said, ...boxes };
  }

  const ask = (query) => apart(lab.api, "/api/watch/chart", query);

  /** What there is to choose from; what was chosen stays where it can. */
  function offer(choices, same) {
    fill(h, put, metric, choices.metrics, true);
    fill(h, put, by, choices.by, same);
    fill(h, put, x, choices.x, true);
    const factors = choices.smooth.map((one) => ({ key: String(one), title: one ? `factor ${one}` : "none" }));
    fill(h, put, smooth, factors, true);
  }

  function tabulate() {
    if (numbers.open && answer) put(scroller, table(h, answer.numbers)); // it stays where it was scrolled to
  }

  const room = () => Math.min(Math.max(10 * Math.floor(element.clientWidth / 10), 240), 920);
  const chosen = () => ({ ...asked(), log_x: logX.checked, log_y: logY.checked });

  /** Goes on with a study as `chosen` told, before the page was loaded again: until it is known what there is. */
  function choose(before) {
    study = before.study;
    for (const one of [metric, by, x, smooth]) put(one, h("option", { value: before.chart[one.name] ?? "" }));
    [logX.checked, logY.checked] = [before.chart.log_x, before.chart.log_y];
  }

  return { element, asking, read, choose, chosen, resized: () => width && room() !== width && changed() };
}

/** The answer; of runs that can no longer be told apart as they were, by configuration. */
export async function apart(api, path, query) {
  try {
    return await api.get(path, query);
  } catch (error) {
    if (error.status !== 400 || !query.by) throw error;
    return api.get(path, { ...query, by: null });
  }
}

function tick(h, box, words) {
  return h("label", { class: "tick" }, box, words);
}

function fill(h, put, select, options, keep) {
  const now = [...select.options].map((one) => `${one.value} ${one.textContent}`).join();
  if (now === options.map((one) => `${one.key} ${one.title}`).join()) return;
  const before = select.value;
  put(select, options.map((one) => h("option", { value: one.key }, one.title)));
  if (keep && options.some((one) => one.key === before)) select.value = before;
}

function table(h, { columns, rows }) {
  const numeric = (place) => place > 0 && "n";
  const head = columns.map((title, place) => h("th", { scope: "col", class: numeric(place) }, title));
  const body = rows.map(([first, ...rest]) =>
    h("tr", {}, h("th", { scope: "row" }, first), rest.map((cell) => h("td", { class: "n" }, cell))),
  );
  return h("table", {}, h("thead", {}, h("tr", {}, head)), h("tbody", {}, body));
}
