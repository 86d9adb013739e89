/**
 * Sums as `INCRBYFLOAT` makes them: in the 80-bit floating point of x86, printed with 17 places. A number is a
 * fraction of whole numbers here, cut to the 64 bits of that format after reading and after adding.
 */
interface Fraction {
  readonly numerator: bigint;
  /** Positive. */
  readonly denominator: bigint;
}

const BITS = 64;
const PLACES = 17;
const MAX_EXPONENT = 4000;
const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/;

function parse(text: string): Fraction | undefined {
  const match = DECIMAL.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = '', fraction = '', exponent = '0'] = match;
  const shift = Number(exponent) - fraction.length;
  if (Math.abs(shift) > MAX_EXPONENT) return undefined;
  const digits = BigInt(`0${whole}${fraction}`) * (sign === '-' ? -1n : 1n);
  const scale = 10n ** BigInt(Math.abs(shift));
  return shift >= 0 ? { numerator: digits * scale, denominator: 1n } : { numerator: digits, denominator: scale };
}

/** The nearest whole number to a fraction; halves go to the even one. */
function nearest(numerator: bigint, denominator: bigint): bigint {
  const magnitude = numerator < 0n ? -numerator : numerator;
  const quotient = magnitude / denominator;
  const twice = (magnitude % denominator) * 2n;
  const isUp = twice > denominator || (twice === denominator && quotient % 2n === 1n);
  const rounded = isUp ? quotient + 1n : quotient;
  return numerator < 0n ? -rounded : rounded;
}

function bitLength(value: bigint): number {
  return (value < 0n ? -value : value).toString(2).length;
}

/** The nearest number with 64 significant bits. */
function cut({ numerator, denominator }: Fraction): Fraction {
  if (numerator === 0n) return { numerator, denominator: 1n };
  let shift = BITS - (bitLength(numerator) - bitLength(denominator));
  const scaled = (by: number): bigint =>
    by >= 0 ? nearest(numerator << BigInt(by), denominator) : nearest(numerator, denominator << BigInt(-by));
  // the estimate may be one bit too many
  if (bitLength(scaled(shift)) > BITS) shift -= 1;
  const mantissa = scaled(shift);
  return shift >= 0
    ? { numerator: mantissa, denominator: 1n << BigInt(shift) }
    : { numerator: mantissa << BigInt(-shift), denominator: 1n };
}

function add(a: Fraction, b: Fraction): Fraction {
  return {
    numerator: a.numerator * b.denominator + b.numerator * a.denominator,
    denominator: a.denominator * b.denominator,
  };
}

/** The sum of two decimal texts, without trailing zeros. Undefined for what is no number, or out of all range. */
export function addExtended(left: string, right: string): string | undefined {
  const [a, b] = [parse(left), parse(right)];
  if (a === undefined || b === undefined) return undefined;
  const sum = cut(add(cut(a), cut(b)));
  const scaled = nearest(sum.numerator * 10n ** BigInt(PLACES), sum.denominator);
  const digits = (scaled < 0n ? -scaled : scaled).toString().padStart(PLACES + 1, '0');
  const text = `${digits.slice(0, -PLACES)}.${digits.slice(-PLACES)}`.replace(/\.?0+$/, '');
  return scaled < 0n ? `-${text}` : text;
}
