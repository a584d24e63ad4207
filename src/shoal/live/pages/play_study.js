// SPDX-License-Identifier: Apache-2.0
// The study file that asks the same as the form: fetched, copied if the browser lets us, and shown in any case.

import { h } from "./dom.js";

const SHOWN_FOR = 2500; // milliseconds

/** A button and the file below it: `button`, `element`. `ask()` gives what the form asks, or null; `failed(error)`. */
export function studyFile(lab, ask, failed) {
  const code = h("pre", { tabindex: "0", "aria-label": "The study file" });
  const note = h("p", { class: "hint" }, "Saved as play.py: ", h("code", {}, "shoal run play.py"));
  const element = h("div", { class: "study", hidden: true }, note, code);
  const button = h("button", { class: "button", type: "button" }, "Copy as Python");

  button.addEventListener("click", async () => {
    const asked = ask();
    if (!asked) return;
    try {
      const { python } = await lab.api.post("/api/play/python", asked);
      code.textContent = python;
      element.hidden = false;
      answered((await copied(python)) ? "Copied" : "Select and copy it below");
    } catch (error) {
      failed(error);
    }
  });

  const answered = (words) => {
    button.textContent = words;
    lab.say(words);
    if (words !== "Copied") select();
    setTimeout(() => (button.textContent = "Copy as Python"), SHOWN_FOR);
  };

  const select = () => {
    code.focus();
    getSelection().selectAllChildren(code);
  };

  return { button, element };
}

/** Whether the text is in the clipboard: browsers refuse it to pages that come from other machines without TLS. */
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
