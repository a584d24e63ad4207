// SPDX-License-Identifier: Apache-2.0
// What the page asks its own server, and the server's words when it refuses. No other host is ever asked.

const KEY = "This page's key is no longer valid. Open the address that shoal serve prints.";

/** The server answered, and said no: its words, and its status (403: the key is not valid). */
export class Refused extends Error {
  constructor(words, status) {
    super(words);
    this.name = "Refused";
    this.status = status;
  }
}

/** Nobody answered. */
export class Unreachable extends Error {
  constructor() {
    super("The server does not answer. Is shoal serve still running?");
    this.name = "Unreachable";
  }
}

/** The JSON at a path; parameters that are null or undefined are left out. `options` are those of fetch. */
export function get(path, params = {}, options = {}) {
  const given = Object.entries(params).filter(([, value]) => value !== null && value !== undefined);
  const query = given.length ? `?${new URLSearchParams(given)}` : "";
  return ask(path + query, options);
}

/** The JSON that answers a JSON body. `options` are those of fetch. */
export function post(path, body = {}, options = {}) {
  const headers = { "Content-Type": "application/json" };
  return ask(path, { ...options, method: "POST", headers, body: JSON.stringify(body) });
}

async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", cache: "no-store", ...options });
  } catch (error) {
    throw error.name === "AbortError" ? error : new Unreachable();
  }
  const answer = await response.json().catch(() => null);
  if (response.ok && answer !== null) return answer;
  if (response.status === 401 || response.status === 403) throw new Refused(KEY, 403);
  throw new Refused(answer?.error ?? `The server answered ${path} with status ${response.status}.`, response.status);
}
