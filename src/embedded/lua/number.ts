/** Numbers as C prints and reads them, which is how Lua 5.1 does. */

/** `%.<digits>e`: exact halves go to the even digit, as in C, where JavaScript rounds them up. */
export function toExponential(value: number, digits: number): string {
  const text = value.toExponential(Math.min(digits, 100));
  const [mantissa, exponent] = (digits < 99 ? evenTie(text, value.toExponential(digits + 1), value) : text).split(
    'e',
  ) as [string, string];
  const sign = exponent.startsWith('-') ? '-' : '+';
  return `${mantissa}e${sign}${exponent.slice(1).padStart(2, '0')}`;
}

/** `%.<digits>f`. */
export function toFixed(value: number, digits: number): string {
  if (digits === 0 && Number.isSafeInteger(value) && !Object.is(value, -0)) return String(value);
  const places = Math.min(digits, 100);
  if (Math.abs(value) >= 1e21) {
    const whole = BigInt(value).toString();
    return places === 0 ? whole : `${whole}.${'0'.repeat(places)}`;
  }
  const text = value.toFixed(places);
  const tied = places < 100 ? evenTie(text, value.toFixed(places + 1), value) : text;
  return Object.is(value, -0) || (value < 0 && !tied.startsWith('-')) ? `-${tied}` : tied;
}

/** If `longer`, which has one digit more, is exactly the value and ends in 5, the even neighbour is right. */
function evenTie(text: string, longer: string, value: number): string {
  const [mantissa, exponent] = longer.split('e') as [string, string | undefined];
  if (!mantissa.endsWith('5') || !isExact(longer, value)) return text;
  const cut = mantissa.slice(0, -1).replace(/\.$/, '');
  const lastDigit = cut.charCodeAt(cut.length - 1) - 48;
  if (lastDigit % 2 !== 0) return text;
  return exponent === undefined ? cut : `${cut}e${exponent}`;
}

function isExact(decimal: string, value: number): boolean {
  const digits = decimal.replace(/e.*$/, '').replace(/[-.]/g, '').replace(/^0+/, '').length;
  const more = value.toPrecision(Math.min(Math.max(digits, 1) + 40, 100));
  const moreDigits = more.replace(/e.*$/, '').replace(/[-.]/g, '').replace(/^0+/, '');
  return /^0*$/.test(moreDigits.slice(digits));
}

/** `%.<precision>g`, with `alternate` keeping trailing zeros (`%#g`). */
export function toGeneral(value: number, precision: number, alternate = false): string {
  if (!Number.isFinite(value)) return notFinite(value);
  const digits = precision === 0 ? 1 : precision;
  if (value === 0) {
    const zero = alternate && digits > 1 ? `0.${'0'.repeat(digits - 1)}` : '0';
    return Object.is(value, -0) ? `-${zero}` : zero;
  }
  const scientific = toExponential(value, digits - 1);
  const exponent = Number(scientific.slice(scientific.indexOf('e') + 1));
  if (exponent < -4 || exponent >= digits) {
    const [mantissa, power] = scientific.split('e') as [string, string];
    return `${alternate ? mantissa : trimZeros(mantissa)}e${power}`;
  }
  const fixed = toFixed(value, digits - 1 - exponent);
  return alternate ? fixed : trimZeros(fixed);
}

function trimZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

/** C prints the NaN that arithmetic yields on x86 with its sign. */
export function notFinite(value: number): string {
  if (Number.isNaN(value)) return '-nan';
  return value > 0 ? 'inf' : '-inf';
}

/** A number as Lua turns it into a string: `%.14g`. */
export function numberToString(value: number): string {
  if (Number.isInteger(value) && value < 1e14 && value > -1e14 && !Object.is(value, -0)) return String(value);
  return toGeneral(value, 14);
}

const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const HEXADECIMAL = /^([+-]?)0[xX]([0-9a-fA-F]+)$/;
const NOT_FINITE = /^([+-]?)(inf|infinity|nan)$/i;

/** Up to 15 digits and nothing else: what counters and times look like, without a regular expression. */
function shortDigits(text: string): number | undefined {
  if (text.length === 0 || text.length > 15) return undefined;
  let value = 0;
  for (let index = 0; index < text.length; index += 1) {
    const digit = text.charCodeAt(index) - 48;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  return value;
}

/** A number from text as `strtod` reads it, white space around it allowed; undefined when it is none. */
export function parseNumber(text: string): number | undefined {
  const digits = shortDigits(text);
  if (digits !== undefined) return digits;
  // C ends the text at a zero byte
  const trimmed = text.replace(/\0.*$/s, '').replace(/^[ \t\n\v\f\r]+|[ \t\n\v\f\r]+$/g, '');
  if (DECIMAL.test(trimmed)) return Number(trimmed);
  const hex = HEXADECIMAL.exec(trimmed);
  if (hex !== null) return Number(`0x${hex[2]}`) * (hex[1] === '-' ? -1 : 1);
  const special = NOT_FINITE.exec(trimmed);
  if (special === null) return undefined;
  if (special[2]?.toLowerCase() === 'nan') return Number.NaN;
  return special[1] === '-' ? -Infinity : Infinity;
}

/** The whole number that C's conversion to a 64-bit integer gives: truncated, and the least one when out of range. */
export function toInt64(value: number): bigint {
  if (!(Math.abs(value) < 2 ** 63)) return -(2n ** 63n);
  return BigInt(Math.trunc(value));
}

/** The same for an unsigned integer: what is too large becomes 0, as compilers for x86 have it. */
export function toUint64(value: number): bigint {
  if (value >= 2 ** 64) return 0n;
  return value >= 2 ** 63 ? BigInt(value) : BigInt.asUintN(64, toInt64(value));
}
