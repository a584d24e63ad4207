// SPDX-License-Identifier: Apache-2.0
// The networks of the room: a card for each in the server's order, the choice of the one that is looked into, and one
// sentence over all of them. It shows what it is told and asks nothing.

import { h, put } from "./dom.js";
import { card, most, percent } from "./draw_shown.js";

/** The networks that a drawing is named by; `summary`, `cards` and `select` are where they are shown. */
export class Networks {
  constructor({ summary, cards, select }) {
    Object.assign(this, { summary, list: cards, select, cards: new Map(), kind: null, chosen: 0 });
    this.forget();
  }

  /** Forgets them all, with the words that stand until there are others. */
  forget(words = "") {
    Object.assign(this, { models: [], leftOut: 0, order: "", unknown: words });
    put(this.list);
    put(this.select);
    put(this.summary, words);
  }

  /** Nobody knows which there are: says so, unless some are known from before. */
  unread(words) {
    if (this.unknown) put(this.summary, (this.unknown = words));
  }

  know(models, leftOut) {
    Object.assign(this, { models, leftOut, unknown: "" });
    for (const model of models) {
      if (!this.cards.has(model.model)) this.cards.set(model.model, card());
      this.cards.get(model.model).know(model, model.model === this.chosen);
    }
    this.arrange();
  }

  /** Puts them in their order, if that has changed: who has opened one or holds a choice keeps it. */
  arrange() {
    const options = this.models.map(({ model, title, label }) => [String(model), `${title}, ${label}`]);
    const order = JSON.stringify(options);
    if (order === this.order) return;
    this.order = order;
    put(this.list, this.models.map(({ model }) => this.cards.get(model).element));
    const before = this.select.value;
    put(this.select, options.map(([value, words]) => h("option", { value }, words)));
    if (options.some(([value]) => value === before)) this.select.value = before;
  }

  /** Shows what each says, and what most of them do; gives that in words for a listener, "" if nobody says anything. */
  say(answers) {
    const said = new Map(answers.map((answer) => [answer.model, answer]));
    for (const { model } of this.models) this.cards.get(model).say(said.get(model) ?? null);
    const found = most(answers);
    put(this.summary, found ? [`${found.who} `, h("strong", {}, found.word), this.others()] : this.lacking());
    if (!found) return "";
    const { model, name, share } = found.first;
    const first = model === this.chosen ? "The one you chose" : "The most accurate";
    return `${found.who} ${found.word}. ${first}: ${name}, ${percent(share)}.`;
  }

  /** Nothing is drawn. */
  wait() {
    for (const { model } of this.models) this.cards.get(model).say(null);
    const count = this.models.length;
    const waiting = `${count === 1 ? "One network waits" : `${count} networks wait`} for your first stroke`;
    put(this.summary, count ? [waiting, this.others()] : this.lacking());
  }

  others() {
    const { leftOut, chosen, models } = this;
    const more = leftOut > 0 && ` ${leftOut} ${leftOut === 1 ? "other is" : "others are"} not asked.`;
    const here = !chosen || models.some(({ model }) => model === chosen);
    return [".", more, !here && ` Run ${chosen} is not among them: it diverged, or has not trained yet.`];
  }

  lacking() {
    if (this.unknown) return this.unknown;
    const { name, many } = this.kind;
    const link = h("a", { href: `#play?data=${name}&model=lenet` }, "Train a LeNet in the Play room");
    return [`No network has learnt ${many.toLowerCase()} yet. `, link, "; it takes a minute."];
  }
}
