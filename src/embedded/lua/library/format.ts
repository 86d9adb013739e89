import { notFinite, toExponential, toFixed, toGeneral, toInt64, toUint64 } from '../number.js';
import { LuaFault } from '../value.js';
import type { Arguments } from './arguments.js';

const SPECIFIER = /%([-+ #0]*)(\d*)(?:\.(\d*))?(.?)/gs;
const ESCAPED: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\\n',
  '\r': '\\r',
  '\0': '\\000',
};

interface Layout {
  readonly flags: string;
  readonly width: number;
  readonly precision: number | undefined;
}

/** Literal text, or how to lay out the next argument. */
type Piece = string | (Layout & { readonly kind: string });

const MAX_KNOWN = 256;
const known = new Map<string, readonly Piece[]>();

/** `string.format`, as C's printf lays numbers out. */
export function format(args: Arguments): string {
  let next = 1;
  let text = '';
  for (const piece of pieces(args.string(0))) {
    if (typeof piece === 'string') {
      text += piece;
    } else {
      text += convert(args, next, piece);
      next += 1;
    }
  }
  return text;
}

/** The pieces of a template; those of recent ones are kept, as scripts use the same few again and again. */
function pieces(template: string): readonly Piece[] {
  let parsed = known.get(template);
  if (parsed === undefined) {
    parsed = parse(template);
    if (known.size >= MAX_KNOWN) known.clear();
    known.set(template, parsed);
  }
  return parsed;
}

function parse(template: string): Piece[] {
  const parsed: Piece[] = [];
  let end = 0;
  for (const match of template.matchAll(SPECIFIER)) {
    if (match.index > end) parsed.push(template.slice(end, match.index));
    end = match.index + match[0].length;
    const [, flags = '', width = '', precision, kind = ''] = match;
    parsed.push(kind === '%' ? '%' : { ...layoutOf(flags, width, precision), kind });
  }
  if (end < template.length) parsed.push(template.slice(end));
  return parsed;
}

function layoutOf(flags: string, width: string, precision: string | undefined): Layout {
  if (flags.length > 5) throw new LuaFault('invalid format (repeated flags)');
  if (width.length > 2 || (precision ?? '').length > 2) {
    throw new LuaFault('invalid format (width or precision too long)');
  }
  return { flags, width: Number(width), precision: precision === undefined ? undefined : Number(precision) };
}

function convert(args: Arguments, index: number, layout: Layout & { readonly kind: string }): string {
  const { kind } = layout;
  switch (kind) {
    case 'c':
      return untilZero(pad(String.fromCharCode(int32(args.integer(index)) & 0xff), layout));
    case 'd':
    case 'i':
      return integer(toInt64(args.number(index)), layout);
    case 'u':
    case 'o':
    case 'x':
    case 'X':
      return unsigned(toUint64(args.number(index)), kind, layout);
    case 'e':
    case 'E':
    case 'f':
    case 'g':
    case 'G':
      return float(args.number(index), kind, layout);
    case 'q':
      return `"${args.string(index).replace(/["\\\n\r\0]/g, (char) => ESCAPED[char] as string)}"`;
    case 's': {
      const text = args.string(index);
      if (layout.precision === undefined && text.length >= LONG_TEXT) return text;
      return pad(untilZero(text).slice(0, layout.precision), layout);
    }
    default:
      throw new LuaFault(`invalid option '%${kind}' to 'format'`);
  }
}

/** C's conversion to an int: the least one when out of range. */
function int32(value: number): number {
  return Math.abs(value) < 2 ** 31 ? value : -(2 ** 31);
}

/** Short text passes through C's printf, which ends it at a zero byte; long text does not. */
const LONG_TEXT = 100;

function untilZero(text: string): string {
  const end = text.indexOf('\0');
  return end === -1 ? text : text.slice(0, end);
}

function sign(isNegative: boolean, flags: string): string {
  if (isNegative) return '-';
  if (flags.includes('+')) return '+';
  return flags.includes(' ') ? ' ' : '';
}

function integer(value: bigint, layout: Layout): string {
  const magnitude = (value < 0n ? -value : value).toString();
  return number(sign(value < 0n, layout.flags), minimumDigits(magnitude, layout), layout);
}

function unsigned(value: bigint, kind: 'u' | 'o' | 'x' | 'X', layout: Layout): string {
  const digits = value.toString({ u: 10, o: 8, x: 16, X: 16 }[kind]);
  const hash = layout.flags.includes('#') && value !== 0n;
  const text = minimumDigits(kind === 'o' && hash ? `0${digits}` : digits, layout);
  const prefix = hash && (kind === 'x' || kind === 'X') ? '0x' : '';
  const result = number(prefix, text, layout);
  return kind === 'X' ? result.toUpperCase() : result;
}

function minimumDigits(digits: string, { precision }: Layout): string {
  if (precision === 0 && digits === '0') return '';
  return digits.padStart(precision ?? 1, '0');
}

function float(value: number, kind: 'e' | 'E' | 'f' | 'g' | 'G', layout: Layout): string {
  const isUpper = kind === 'E' || kind === 'G';
  if (!Number.isFinite(value)) {
    const text = notFinite(value).replace('-', '');
    const isNegative = notFinite(value).startsWith('-');
    const result = pad(sign(isNegative, layout.flags) + text, layout);
    return isUpper ? result.toUpperCase() : result;
  }
  const isNegative = value < 0 || Object.is(value, -0);
  const result = number(sign(isNegative, layout.flags), unsignedFloat(Math.abs(value), kind, layout), {
    ...layout,
    precision: undefined,
  });
  return isUpper ? result.toUpperCase() : result;
}

function unsignedFloat(value: number, kind: string, { precision = 6, flags }: Layout): string {
  const alternate = flags.includes('#');
  if (kind === 'f') return toFixed(value, precision) + (alternate && precision === 0 ? '.' : '');
  if (kind === 'g' || kind === 'G') return toGeneral(value, precision, alternate);
  return toExponential(value, precision);
}

/** Zeros go between the sign and the digits, unless a precision was given. */
function number(prefix: string, digits: string, layout: Layout): string {
  const isZeroPadded = layout.flags.includes('0') && !layout.flags.includes('-') && layout.precision === undefined;
  if (isZeroPadded) return prefix + digits.padStart(layout.width - prefix.length, '0');
  return pad(prefix + digits, layout);
}

function pad(text: string, { flags, width }: Layout): string {
  return flags.includes('-') ? text.padEnd(width) : text.padStart(width);
}
