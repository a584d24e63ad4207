// SPDX-License-Identifier: Apache-2.0
// How the training of this page stands, in a line of words and a meter, for each of the states it can be in.

import { duration, h, put } from "./dom.js";

/** The line: `element`, and `show(training)` with what the server tells of it, null before there is one. */
export function progress(cancel) {
  const words = h("p");
  const meter = h("progress", { class: "meter", "aria-label": "Epochs trained" });
  const button = h("button", { class: "button", type: "button", onclick: cancel }, "Cancel");
  const element = h("div", { class: "standing" }, words, meter, button);

  const show = (training) => {
    const diverged = training?.diverged ?? 0;
    const going = training !== null && (training.state === "queued" || training.state === "training");
    element.dataset.state = training?.state ?? "nothing";
    button.hidden = !going;
    meter.hidden = training?.state !== "training";
    meter.max = Math.max(training?.total ?? 1, 1);
    meter.value = training?.done ?? 0;
    const told = diverged > 0 && training.state !== "finished"; // there it is a part of the sentence
    const tag = h("span", { class: "tag lost" }, `${runs(diverged)} diverged`);
    put(words, training ? WORDS[training.state](training) : NOTHING, told && [" ", tag]);
  };

  show(null);
  return { element, show };
}

const NOTHING = "Nothing is trained here yet. Press Train, or choose a puzzle: curves appear as they form.";

const runs = (count) => (count === 1 ? "1 run" : `${count} runs`);

const WORDS = {
  queued: ({ place }) => (place > 1 ? `Waiting, number ${place} in line.` : "Waiting, next in line."),
  training: ({ done, total, left }) =>
    `Training: ${done} of ${total} epochs${left === null || left === undefined ? "" : `, ${duration(left)} left`}.`,
  finished: ({ runs: all, diverged }) => diverged > 0
    ? `Finished: ${runs(all.length)} stored, ${diverged} of them diverged.`
    : `Finished: ${runs(all.length)}, all stored.`,
  cancelled: ({ done, total }) =>
    `Cancelled after ${done} of ${total} epochs. They are stored: Train goes on from there.`,
  failed: () => "Failed.",
};
