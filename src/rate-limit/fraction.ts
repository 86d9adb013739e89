/** Fractions with denominators up to this come within two parts per million of any number from 1e-6 up. */
const MAX_DENOMINATOR = 1_000_000n;

export interface Fraction {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

/**
 * The fraction that a positive number stands for, in lowest terms.
 *
 * `0.1` is meant as 1/10 although no double is: the fraction is the first continued-fraction convergent with a
 * denominator up to a million that becomes the same double again. Where there is none, it is the largest fraction
 * with such a denominator below the number, so a rate is never rounded up. Numbers under one millionth become one
 * over a whole number.
 *
 * Source: A. Ya. Khinchin, Continued Fractions (1964), §6 on best approximations.
 */
export function toFraction(value: number): Fraction {
  let [dividend, divisor] = exactRatio(value);
  if (value * Number(MAX_DENOMINATOR) < 1) return reciprocal(value, dividend, divisor);
  let [numeratorBefore, denominatorBefore, numerator, denominator] = [0n, 1n, 1n, 0n];
  for (let fromBelow = true; ; fromBelow = !fromBelow) {
    const quotient = dividend / divisor;
    const next = quotient * denominator + denominatorBefore;
    if (next > MAX_DENOMINATOR) {
      if (!fromBelow) return { numerator, denominator };
      const steps = (MAX_DENOMINATOR - denominatorBefore) / denominator;
      return {
        numerator: numeratorBefore + steps * numerator,
        denominator: denominatorBefore + steps * denominator,
      };
    }
    [numeratorBefore, denominatorBefore, numerator, denominator] = [
      numerator,
      denominator,
      quotient * numerator + numeratorBefore,
      next,
    ];
    if (Number(numerator) / Number(denominator) === value) return { numerator, denominator };
    [dividend, divisor] = [divisor, dividend - quotient * divisor];
  }
}

/** The double itself as a ratio of integers, without any rounding. */
function exactRatio(value: number): [bigint, bigint] {
  let divisor = 1n;
  let scaled = value;
  for (; !Number.isInteger(scaled); scaled *= 2) divisor *= 2n;
  return [BigInt(scaled), divisor];
}

function reciprocal(value: number, dividend: bigint, divisor: bigint): Fraction {
  const below = divisor / dividend;
  for (const whole of [below, below + 1n]) {
    if (1 / Number(whole) === value) return { numerator: 1n, denominator: whole };
  }
  return { numerator: 1n, denominator: below * dividend === divisor ? below : below + 1n };
}

export function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  return b === 0n ? a : greatestCommonDivisor(b, a % b);
}
