// SPDX-License-Identifier: Apache-2.0
// Numbers as the room of Play writes them: three digits, powers of ten where zeros would pile up.

const SUPERSCRIPT = ["⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"];

export const log = Math.log10;

/** "0.141", "12.3", "3.1 × 10⁻⁵"; "∞" for what JSON cannot say. */
export function number(value) {
  if (value === null || !Number.isFinite(value)) return "∞";
  if (value === 0) return "0";
  const exponent = Math.floor(log(Math.abs(value)));
  if (exponent < -3 || exponent > 5) return `${Number((value / 10 ** exponent).toPrecision(2))} × ${power(exponent)}`;
  return String(Number(value.toPrecision(3)));
}

/** "10⁻³". */
export function power(exponent) {
  const digits = [...String(Math.abs(exponent))].map((digit) => SUPERSCRIPT[digit]);
  return `10${exponent < 0 ? "⁻" : ""}${digits.join("")}`;
}

/** A share as "87%". */
export function percent(share, decimals = 0) {
  return `${(100 * share).toFixed(decimals)}%`;
}
