// SPDX-License-Identifier: Apache-2.0
// The lessons of one run of a training: which setting and seed they are about, and what its newest weights show.

import { field, h, put } from "./dom.js";
import { lessons } from "./play_lessons.js";

/**
 * The lessons with their choices: `element`, `about(settings, seeds, first)` says what there is to choose from, and
 * with which setting to begin where that is not the one that was chosen last, `read(training, still)` shows what is
 * known by now, if it is `still()` what is looked at. `changed()` is called when another run is chosen.
 */
export function sight(lab, changed) {
  const setting = h("select", { onchange: changed });
  const seed = h("select", { onchange: changed });
  const [ofSetting, ofSeed] = [field("Setting", setting), field("Seed", seed)];
  const after = h("p", { class: "after" });
  const draw = h("a", { class: "button", href: "#draw" }, "Draw for this model");
  const shown = lessons(lab.picture);
  const element = h(
    "section",
    { class: "sight", hidden: true, "aria-labelledby": "play-sight" },
    h("h3", { id: "play-sight" }, "What the network has made of it"),
    h("div", { class: "controls" }, ofSetting, ofSeed, after, draw),
    shown.element,
  );

  let data = []; // of each setting, by the name that it is asked for

  const about = (settings, seeds, first) => {
    data = settings.map((one) => one.data);
    options(setting, settings.map((one) => one.label));
    if (first !== undefined) setting.selectedIndex = first;
    options(seed, Array.from({ length: seeds }, (_, at) => String(at)));
    ofSetting.hidden = settings.length < 2;
    ofSeed.hidden = seeds < 2;
    element.dataset.stale = "true"; // what is shown is of the training before, until there is something of this one
  };

  const read = async (training, still) => {
    const of = data[setting.selectedIndex];
    const insight = await lab.api.get("/api/play/insight", { training, setting: setting.value, seed: seed.value });
    if (insight.epoch === null || !still()) return;
    element.hidden = false;
    delete element.dataset.stale;
    put(after, insight.epoch === 0 ? "Before training" : `After epoch ${insight.epoch}`);
    shown.show(insight);
    const query = new URLSearchParams({ data: of, model: insight.run });
    draw.setAttribute("href", `#draw?${query}`);
  };

  return { element, about, read, lead: shown.lead };
}

/** Puts options in a select, and keeps the place that was chosen if it is still there. */
function options(select, titles) {
  const place = Math.min(Math.max(select.selectedIndex, 0), titles.length - 1);
  put(select, titles.map((title, at) => h("option", { value: at }, title)));
  select.selectedIndex = place;
}
