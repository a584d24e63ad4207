// SPDX-License-Identifier: Apache-2.0
// How often a room asks for something: never twice at once, nor faster than it should, and never too little.

/**
 * The same action, at most once every `gap()` milliseconds and never while it is still under way. Calls in between are
 * made up for by a single one afterwards, so that the last state is always seen. `act` deals with its own errors.
 * `fresh()` says that what comes next is about something else, and need not wait for its turn.
 */
export function paced(gap, act) {
  let under = false;
  let again = false;
  let timer = 0;
  let latest = -Infinity;
  const call = async () => {
    again = true;
    if (under || timer) return;
    const wait = latest + gap() - performance.now();
    if (wait > 0) {
      timer = setTimeout(() => {
        timer = 0;
        call();
      }, wait);
      return;
    }
    [under, again, latest] = [true, false, performance.now()];
    try {
      await act();
    } finally {
      under = false;
    }
    if (again) call();
  };
  const fresh = () => {
    clearTimeout(timer);
    [timer, latest] = [0, -Infinity];
    if (again) call();
  };
  return Object.assign(call, { fresh });
}

/** The same action, once its calls have been still for so many milliseconds; `stop()` calls it off. */
export function settled(still, act) {
  let timer = 0;
  const stop = () => clearTimeout(timer);
  const call = () => {
    stop();
    timer = setTimeout(act, still);
  };
  return Object.assign(call, { stop });
}
