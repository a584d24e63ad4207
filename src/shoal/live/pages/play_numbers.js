// SPDX-License-Identifier: Apache-2.0
// Numbers as the room of Play writes them: three digits, powers of ten where zeros would pile up.

const SUPERSCRIPT = ["⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"];

export const log = Math.log10;

/** "0.141", "12.3", "3.1 × 10⁻⁵"; infinities and NaN come as null. */
export function number(value) {
  if (value === null || !Number.isFinite(value)) return "not finite";
  if (value === 0) return "0";
  if (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e6) {
    const [digits, exponent] = value.toExponential(1).split("e");
    return `${Number(digits)} × ${power(Number(exponent))}`;
  }
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
