// SPDX-License-Identifier: Apache-2.0
// Bytes as pixels on a canvas, in the page's colours, each a crisp square: a value becomes the opacity of its ink,
// so that 0 is the page itself, by day and by night. Nothing is blurred, scaled or fetched.

const shown = new WeakMap();

/** The bytes of a base64 text. */
export function bytes(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

/**
 * Draws `width` × `height` values on a canvas, whose size on the page is left to its style.
 * `pixels` is base64 or bytes. Scheme "ink": uint8, 0 ground to 255 ink. Scheme "signed": int8, blue below zero,
 * vermillion above. A `label` makes it an image with that name; without one it is decoration.
 */
export function draw(canvas, { width, height, pixels, scheme = "ink", label = "" }) {
  const values = typeof pixels === "string" ? bytes(pixels) : pixels;
  if (values.length !== width * height) {
    throw new Error(`A picture of ${width} × ${height} has ${width * height} pixels, not ${values.length}.`);
  }
  name(canvas, label);
  canvas.classList.add("picture");
  canvas.width = width;
  canvas.height = height;
  shown.set(canvas, { values, scheme });
  paint(canvas);
}

function name(canvas, label) {
  if (label) {
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", label);
    canvas.removeAttribute("aria-hidden");
  } else if (!canvas.hasAttribute("aria-label") && !canvas.hasAttribute("aria-labelledby")) {
    canvas.setAttribute("aria-hidden", "true");
  }
}

function paint(canvas) {
  const { values, scheme } = shown.get(canvas);
  const image = new ImageData(canvas.width, canvas.height);
  (scheme === "signed" ? signed : ink)(values, image.data);
  canvas.getContext("2d").putImageData(image, 0, 0);
}

function ink(values, data) {
  const colour = token("ink");
  values.forEach((value, at) => data.set([...colour, value], 4 * at));
}

function signed(values, data) {
  const [below, above] = [token("blue"), token("vermillion")];
  values.forEach((value, at) => {
    const weight = (value << 24) >> 24; // a byte as int8
    data.set([...(weight < 0 ? below : above), Math.min(Math.round((255 * Math.abs(weight)) / 127), 255)], 4 * at);
  });
}

/** A colour of the theme as the page has it now: red, green, blue. */
export function token(name) {
  const hex = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const canvas of document.querySelectorAll("canvas.picture")) if (shown.has(canvas)) paint(canvas);
});
