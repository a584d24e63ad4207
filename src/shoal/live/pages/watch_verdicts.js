// SPDX-License-Identifier: Apache-2.0
// What a study's runs say about its claims so far, in the report's words and marks. Hidden where no claim is known.

/** The list of verdicts. */
export function verdicts(lab) {
  const { h, put } = lab.dom;
  const title = h("h3", {});
  const list = h("ul", { class: "verdicts" });
  const element = h("section", { class: "said", "aria-label": "Verdicts", hidden: true }, title, list);
  let study = null;
  const claimless = new Set(); // studies of which no claim is known here
  let asking = null; // the study that is being judged: that may take longer than until the next reading

  async function read(name) {
    if (name === asking) return Infinity;
    if (name !== study) element.hidden = true;
    study = name;
    if (claimless.has(name)) return Infinity;
    asking = name;
    const answer = await ask(name).finally(() => asking === name && (asking = null));
    if (answer.claims === false) claimless.add(name);
    if (name !== study) return Infinity;
    element.hidden = answer.verdicts.length === 0;
    put(title, answer.verdicts.some((one) => one.so_far) ? "Verdicts so far" : "Verdicts");
    put(list, answer.verdicts.map((one) => told(h, one)));
    if (answer.refused) refuse(answer.refused);
    return answer.stored;
  }

  /** Claims that cannot be judged here, as their data is elsewhere, leave curves and runs alone. */
  async function ask(name) {
    try {
      return await lab.api.get("/api/watch/verdicts", { study: name });
    } catch (error) {
      if (error.status !== 400) throw error;
      return { stored: Infinity, verdicts: [], refused: error.message };
    }
  }

  function refuse(words) {
    element.hidden = false;
    put(list, h("li", { class: "hint" }, words));
  }

  return { element, read };
}

function told(h, one) {
  const mark = h("span", { class: "sign", "aria-hidden": "true" }, one.mark);
  const word = h("strong", {}, one.word, one.so_far && ", so far");
  const head = h("p", { class: "ruling" }, mark, word, " ", one.number && h("span", { class: "number" }, one.number));
  const claim = h("p", { class: "claim" }, h("span", { class: "id" }, one.id), " ", h("q", {}, one.claim));
  return h("li", { class: one.kind.replaceAll(" ", "-") }, head, claim, h("p", { class: "because" }, one.sentence));
}
