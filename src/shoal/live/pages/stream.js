// SPDX-License-Identifier: Apache-2.0
// The one stream of events of a page: lost or silent, it is opened again after growing pauses; a hidden page gives its
// connection back, since a browser has six for all its pages. It understands `hello` and `here`, and hands on the rest.

import * as api from "./api.js";

const SHORTEST = 500;
const LONGEST = 10_000;
const HIDDEN = 30_000;
const SILENT = 25_000; // the server says every ten seconds that it is here
const ANSWER = 5_000;

/**
 * Follows the server's events until the page is closed.
 * `heard(message)` gets every message, `hello` first and after each reconnection; `lost()` is called when the
 * connection breaks, `refused(words)` when the server no longer knows this page.
 */
export function follow({ heard, lost, refused }) {
  let source = null;
  let boot = null;
  let pause = SHORTEST;
  let waiting = 0;
  let silence = 0;

  const open = () => {
    close();
    source = new EventSource("/api/events");
    source.onmessage = (event) => hear(JSON.parse(event.data));
    source.onerror = broken;
    alive();
  };
  const close = () => {
    clearTimeout(waiting);
    clearTimeout(silence);
    source?.close();
    source = null;
  };
  const broken = () => {
    close();
    lost();
    later();
  };
  const alive = () => {
    clearTimeout(silence);
    silence = setTimeout(broken, SILENT);
  };
  const hear = (message) => {
    alive();
    if (message.topic === "here") return undefined;
    if (message.topic === "hello") {
      pause = SHORTEST;
      if (boot !== null && boot !== message.boot) return location.reload();
      boot = message.boot;
    }
    return heard(message);
  };
  const later = () => {
    clearTimeout(waiting);
    waiting = setTimeout(again, pause * (0.8 + 0.4 * Math.random())); // many pages do not come back at one moment
    pause = Math.min(2 * pause, LONGEST);
  };
  // An EventSource does not say why it failed: a plain question does.
  const again = async () => {
    try {
      await api.get("/api/state", {}, { signal: AbortSignal.timeout(ANSWER) });
      open();
    } catch (error) {
      if (error.status === 403) refused(error.message);
      else later();
    }
  };

  document.addEventListener("visibilitychange", () => {
    clearTimeout(waiting);
    if (document.hidden) waiting = setTimeout(close, HIDDEN);
    else if (source === null) again();
  });
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", (event) => event.persisted && again());
  open();
}
