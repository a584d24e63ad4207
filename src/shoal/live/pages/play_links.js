// SPDX-License-Identifier: Apache-2.0
// What an address asks of Play: the setting of a stored run, "#play?run=12", or a model on a data set,
// "#play?data=mnist&model=lenet". It says what the form is to be filled with, and trains nothing.

const STORED = "Train shows what is stored, and trains what is missing. Or change something first.";

/**
 * What to fill the form with, as `{ ask, words }`, and in words what it is; null where nothing is asked.
 * Throws what the server says of a run that it does not have, or that Play cannot ask for.
 */
export async function linked(lab, fields, { run, data, model }) {
  if (run !== undefined) {
    const setting = await lab.api.get("/api/play/setting", { run });
    return { ask: { settings: [setting] }, words: `As run ${run} was trained. ${STORED}` };
  }
  if (data === undefined && model === undefined) return null;
  const named = (name, word) => fields.find((one) => one.name === name).choices.find(([each]) => each === word)?.[1];
  const titles = [named("model.kind", model), named("data", data)].filter(Boolean);
  const words = `${titles.join(" on ")}. Press Train, or change something first.`;
  return { ask: { settings: [{ data, model: { kind: model } }] }, words: titles.length ? words : "" };
}
