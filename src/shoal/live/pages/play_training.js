// SPDX-License-Identifier: Apache-2.0
// The one training that this page has asked for last, from the asking to its end. It shows nothing: it tells.

/**
 * Follows a training: `begin(ask)` asks for one in place of that under way and gives the server's answer, `cancel()`
 * ends it, `resume(mark)` goes on with the one that `mark()` stands for, after a reload, and says whether the server
 * still knows it; `hear(message)` takes an event and says whether there may be something new to see.
 * `stands(training, ended)` is called with each change: what the server tells of it, and whether it has ended just now.
 */
export function following(lab, stands) {
  const heard = new Map(); // training -> the last that was told of it: an event may come before the answer
  const { boot } = lab.state; // numbers of trainings begin anew with each start of the server, and the page with them
  let now = null;

  const going = () => now?.state === "queued" || now?.state === "training";

  const set = (told) => {
    const same = now?.id === told.id && now.state === told.state;
    now = told;
    stands(now, !going() && !same);
  };

  const begin = async (ask) => {
    const answer = await lab.api.post("/api/play/train", { ...ask, replace: going() ? now.id : undefined });
    const fresh = { id: answer.training, state: "queued", place: 1, done: 0, total: 0, left: null, diverged: 0, error: "" };
    now = null;
    set(heard.get(answer.training) ?? fresh);
    return answer;
  };

  const cancel = () => lab.api.post("/api/play/cancel", { training: now.id });

  const mark = () => now && { id: now.id, boot };

  const resume = async (before) => {
    if (before?.boot !== boot) return false;
    const told = (await lab.api.get("/api/state")).training.find(({ id }) => id === before.id);
    if (!told) return false;
    stands((now = told), false);
    return true;
  };

  const hear = (message) => {
    if (message.topic === "hello") {
      for (const one of lab.state.training) heard.set(one.id, one);
      if (now) set(heard.get(now.id) ?? now);
      return now !== null;
    }
    if (message.topic === "training") {
      heard.set(message.id, message);
      if (message.id === now?.id) set(message);
      return message.id === now?.id && !going();
    }
    return message.topic === "records" && going();
  };

  return { begin, cancel, mark, resume, hear, id: () => now?.id ?? null };
}
