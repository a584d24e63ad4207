// SPDX-License-Identifier: Apache-2.0
// The curves of a training, and the difference of its two settings: asked of the server, which draws both and says in
// words what they show. It follows no events itself; the room says when there may be something new.

import { field, h } from "./dom.js";
import { meaning } from "./play_meaning.js";

const METRICS = {
  validation_loss: "Validation loss",
  validation_accuracy: "Validation accuracy",
  train_loss: "Training loss",
  train_accuracy: "Training accuracy",
};

const MINUS = "For each seed the value of setting B minus that of setting A. Both begin with the same draws and see "
  + "the images in the same order, so that what is left between them is what you changed. Where the line is 0, they "
  + "are alike.";

/**
 * The curves: `element`, `read(training, still)` draws them as they are now, if that is `still()` what is looked at,
 * and says whether there may be some; `choose({ metric, log_y })` sets what is drawn, `chosen()` tells it.
 * `changed()` is called when another metric or scale is chosen by hand.
 */
export function curves(lab, changed) {
  const metrics = Object.entries(METRICS).map(([name, title]) => h("option", { value: name }, title));
  const metric = h("select", { onchange: changed }, metrics);
  const log = h("input", { type: "checkbox", onchange: changed });
  const drawing = h("div");
  const caption = h("figcaption");
  const between = h("div");
  const sentence = h("figcaption");
  const difference = h(
    "figure",
    { class: "figure difference", hidden: true },
    h("h4", {}, "The difference, seed by seed"),
    between,
    sentence,
    meaning("What is B − A?", MINUS),
  );
  const element = h(
    "div",
    { class: "curves", hidden: true },
    h("div", { class: "controls" },
      field("Curve", metric),
      h("div", { class: "field" }, h("label", {}, log, "Logarithmic"))),
    h("figure", { class: "figure" }, drawing, caption),
    difference,
  );

  const read = async (training, still) => {
    const width = element.clientWidth || element.parentElement?.clientWidth || 640;
    const asked = { training, metric: metric.value, log_y: log.checked ? 1 : 0, width };
    const answer = await lab.api.get("/api/play/chart", asked);
    if (!still()) return true;
    caption.textContent = answer.caption;
    if (!answer.chart) {
      element.dataset.stale = "true"; // the curves before stay until there is a point of these
      return false;
    }
    delete element.dataset.stale;
    element.hidden = false;
    difference.hidden = !answer.difference;
    await Promise.all([
      lab.chart.draw(drawing, answer.chart, { title: METRICS[asked.metric], description: answer.caption }),
      answer.difference && differ(answer.difference),
    ]);
    return true;
  };

  const differ = (found) => {
    sentence.textContent = found.sentence;
    between.hidden = !found.chart; // where every pair has lost a run there is no difference to draw
    if (!found.chart) return lab.chart.clear(between);
    return lab.chart.draw(between, found.chart, { title: "Difference", description: found.sentence });
  };

  const choose = ({ metric: name, log_y }) => {
    metric.value = name;
    log.checked = log_y;
  };

  const chosen = () => ({ metric: metric.value, log_y: log.checked });

  return { element, read, choose, chosen };
}
