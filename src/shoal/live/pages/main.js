// SPDX-License-Identifier: Apache-2.0
// The page: three rooms as tabs, entered when they are first opened, told of every event from then on, and of what the
// address asks of them. A room that fails says so in its own place and leaves the others alone.

import * as api from "./api.js";
import * as chart from "./chart.js";
import * as dom from "./dom.js";
import * as picture from "./picture.js";
import { stateLine } from "./stateline.js";
import { follow } from "./stream.js";

const ROOMS = ["watch", "play", "draw"];
const READING = "Opening. The data sets are being read; the first time on a machine they are fetched, or drawn.";
const rooms = new Map(); // name -> promise of an entered room, or of null if it failed
const stranded = new Map(); // name -> what enters a room that could not be reached
const line = stateLine(document.getElementById("state"), cancel);
const lab = { api, chart, dom, picture, say, state: null };
const place = (name) => document.getElementById(name);
const tab = (name) => document.getElementById(`tab-${name}`);
let open = null;
let knows; // called once lab.state is there, which rooms wait for
const known = new Promise((resolve) => (knows = resolve));

/** Says something to whoever listens to the page instead of looking at it. */
function say(text) {
  dom.put(document.getElementById("said"), text);
}

/** Ends a training that this page or another has asked for; events say that it has ended. */
function cancel(training) {
  return api.post("/api/play/cancel", { training });
}

/** The room that the address names, and what it asks of it: "#draw?data=mnist" is { name: "draw", given: { data } }. */
function address() {
  const [, name, query] = location.hash.match(/^#([^?]*)\??(.*)/) ?? [];
  if (ROOMS.includes(name)) return { name, given: Object.fromEntries(new URLSearchParams(query)) };
  return { name: (name && open) || ROOMS[0], given: {} }; // another anchor is no reason to leave a room
}

function show() {
  const { name, given } = address();
  if (name !== open) turn(name);
  tell(name, (room) => room.show(given));
}

function turn(name) {
  if (open) tell(open, (room) => room.hide());
  open = name;
  for (const each of ROOMS) {
    place(each).hidden = each !== name;
    tab(each).setAttribute("aria-selected", String(each === name));
    tab(each).tabIndex = each === name ? 0 : -1;
  }
  document.title = `${tab(name).textContent} · Shoal`;
  scrollTo(0, 0);
  if (!rooms.has(name)) rooms.set(name, entered(name));
}

async function entered(name) {
  const root = place(name);
  root.setAttribute("aria-busy", "true");
  const hint = dom.h("p", { class: "hint" }, "Opening");
  dom.put(root, hint); // until the room puts itself in its place
  try {
    const [{ enter }] = await Promise.all([code(name), known]);
    if (lab.state.loading) dom.put(hint, READING);
    return await enter(root, lab);
  } catch (error) {
    failed(name, error);
    return null;
  } finally {
    root.removeAttribute("aria-busy");
  }
}

async function code(name) {
  try {
    return await import(`./${name}.js`);
  } catch (error) {
    throw error instanceof TypeError ? new api.Unreachable() : error;
  }
}

/** Lets a room act, if it was opened; what it is told while it is being entered, it hears right afterwards. */
async function tell(name, act) {
  const room = await rooms.get(name);
  try {
    if (room) await act(room);
  } catch (error) {
    // Without a connection the state line says so, and the next hello makes every room read again.
    if (error.name !== "Unreachable" && error.name !== "AbortError") failed(name, error);
  }
}

function failed(name, error) {
  rooms.set(name, Promise.resolve(null));
  const again = () => {
    stranded.delete(name);
    rooms.set(name, entered(name));
    tell(name, (room) => (name === open ? room.show(address().given) : room.hide()));
  };
  if (error.name === "Unreachable") stranded.set(name, again);
  const words = dom.h("p", {}, `${tab(name).textContent} cannot go on. ${error.message}`);
  const button = dom.h("button", { class: "button", type: "button", onclick: again }, "Try again");
  dom.put(place(name), dom.h("div", { class: "error", role: "alert" }, words, button));
}

async function heard(message) {
  if (message.topic === "hello") {
    await learn();
    for (const again of stranded.values()) again();
  } else {
    line.event(message);
  }
  for (const name of rooms.keys()) tell(name, (room) => room.event(message));
}

async function learn() {
  try {
    lab.state = await api.get("/api/state");
    line.know(lab.state);
    line.connection("connected");
    knows();
  } catch (error) {
    line.connection("lost", error.message);
  }
}

/** The arrow keys, Home and End walk through the tabs; the space bar does what it does on a button. */
function walk(event) {
  const at = ROOMS.indexOf(open);
  const last = ROOMS.length - 1;
  const next = { ArrowRight: at < last ? at + 1 : 0, ArrowLeft: at ? at - 1 : last, Home: 0, End: last, " ": at };
  if (!(event.key in next)) return;
  event.preventDefault();
  location.hash = ROOMS[next[event.key]];
  tab(ROOMS[next[event.key]]).focus();
}

addEventListener("hashchange", show);
document.querySelector("[role=tablist]").addEventListener("keydown", walk);
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  place(open).focus();
});
show();

let before = Promise.resolve(); // messages are heard one after the other, also while the state is being read
follow({
  heard(message) {
    // One that fails is told of in the console, and the next are heard all the same.
    before = before.then(() => heard(message)).catch((error) => console.error(error));
  },
  lost() {
    line.connection("lost");
    say("Connection lost, trying again");
  },
  refused(words) {
    line.connection("refused", words);
    say(words);
  },
});
