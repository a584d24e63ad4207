// SPDX-License-Identifier: Apache-2.0
// What a tab remembers of a room over a reload. It is written when the page is left and taken out when it is there
// again, so that no other page, a copy of this tab among them, ever finds it and takes a training for its own.

/**
 * What this tab kept of a room when it was left, as `kept`, null if nothing; it is given once. `keep(now)` says what
 * gives the things to keep from now on; until then it is what was kept before.
 */
export function memory(room) {
  const key = `shoal-${room}`;
  const kept = taken(key);
  let now = () => kept;
  addEventListener("pagehide", () => {
    try {
      if (now()) sessionStorage.setItem(key, JSON.stringify(now()));
    } catch {
      // A browser that keeps nothing: the page begins anew, and what was trained is stored all the same.
    }
  });
  return { kept, keep: (tell) => (now = tell) };
}

function taken(key) {
  try {
    const kept = JSON.parse(sessionStorage.getItem(key));
    sessionStorage.removeItem(key);
    return kept;
  } catch {
    return null;
  }
}
