// SPDX-License-Identifier: Apache-2.0
// What a word or a sign means, folded away beside what uses it, for whoever meets it for the first time.

import { h } from "./dom.js";

/** A question that unfolds into its answer. */
export function meaning(question, ...answer) {
  return h("details", { class: "meaning" }, h("summary", {}, question), h("p", {}, answer));
}
