import type { BinaryOperator, UnaryOperator } from '../ast.js';
import { numberToString, parseNumber } from '../number.js';
import { LuaFault, LuaTable, type LuaValue, typeName } from '../value.js';
import type { Evaluate, Machine, OperandName } from './frame.js';

export interface Operand {
  readonly evaluate: Evaluate;
  readonly name: OperandName;
}

/** Where an operator stands, for the position of its error. */
export interface Site {
  readonly machine: Machine;
  readonly line: number;
}

/** Stops with "attempt to `action` a nil value", naming the operand where it has a name. */
export function refuse(site: Site, action: string, operand: { value: LuaValue; name: OperandName }): never {
  site.machine.line = site.line;
  const type = typeName(operand.value);
  const what = operand.name === undefined ? `a ${type} value` : `${operand.name} (a ${type} value)`;
  throw new LuaFault(`attempt to ${action} ${what}`);
}

export function toNumber(value: LuaValue): number | undefined {
  if (typeof value === 'number') return value;
  return typeof value === 'string' ? parseNumber(value) : undefined;
}

type Arithmetic = (a: number, b: number) => number;

const modulo: Arithmetic = (a, b) => a - Math.floor(a / b) * b;
// C defines pow(1, anything) as 1, JavaScript does not for NaN
const power: Arithmetic = (a, b) => (a === 1 ? 1 : a ** b);

export function binary(operator: BinaryOperator, operands: readonly [Operand, Operand], site: Site): Evaluate {
  switch (operator) {
    case '+':
    case '-':
    case '*':
    case '/':
    case '%':
    case '^':
      return arithmetic(operator, operands, site);
    case '..':
      return concat(operands, site);
    case '==':
    case '~=':
      return equality(operator === '==', operands);
    case '<':
    case '<=':
      return comparison(operator, operands, site);
    case '>':
      return swapped('<', operands, site);
    case '>=':
      return swapped('<=', operands, site);
  }
}

function arithmetic(
  operator: '+' | '-' | '*' | '/' | '%' | '^',
  operands: readonly [Operand, Operand],
  site: Site,
): Evaluate {
  const [{ evaluate: left }, { evaluate: right }] = operands;
  const coerce = (a: LuaValue, b: LuaValue, compute: Arithmetic): number => {
    const x = toNumber(a);
    const y = toNumber(b);
    if (x !== undefined && y !== undefined) return compute(x, y);
    const operand = x === undefined ? { value: a, name: operands[0].name } : { value: b, name: operands[1].name };
    return refuse(site, 'perform arithmetic on', operand);
  };
  switch (operator) {
    case '+':
      return (frame) => {
        const a = left(frame);
        const b = right(frame);
        return typeof a === 'number' && typeof b === 'number' ? a + b : coerce(a, b, (x, y) => x + y);
      };
    case '-':
      return (frame) => {
        const a = left(frame);
        const b = right(frame);
        return typeof a === 'number' && typeof b === 'number' ? a - b : coerce(a, b, (x, y) => x - y);
      };
    case '*':
      return (frame) => {
        const a = left(frame);
        const b = right(frame);
        return typeof a === 'number' && typeof b === 'number' ? a * b : coerce(a, b, (x, y) => x * y);
      };
    case '/':
      return (frame) => {
        const a = left(frame);
        const b = right(frame);
        return typeof a === 'number' && typeof b === 'number' ? a / b : coerce(a, b, (x, y) => x / y);
      };
    case '%':
      return (frame) => coerce(left(frame), right(frame), modulo);
    case '^':
      return (frame) => coerce(left(frame), right(frame), power);
  }
}

function concat(operands: readonly [Operand, Operand], site: Site): Evaluate {
  const [{ evaluate: left }, { evaluate: right }] = operands;
  const text = (value: LuaValue, name: OperandName): string => {
    if (typeof value === 'string') return value;
    if (typeof value === 'number') return numberToString(value);
    return refuse(site, 'concatenate', { value, name });
  };
  return (frame) => {
    const a = left(frame);
    const b = right(frame);
    if (typeof a === 'string' && typeof b === 'string') return a + b;
    // Lua reports the right operand first
    if (typeof a === 'string' || typeof a === 'number') return text(a, undefined) + text(b, operands[1].name);
    return text(a, operands[0].name);
  };
}

function equality(wanted: boolean, operands: readonly [Operand, Operand]): Evaluate {
  const [{ evaluate: left }, { evaluate: right }] = operands;
  return wanted ? (frame) => left(frame) === right(frame) : (frame) => left(frame) !== right(frame);
}

function comparison(operator: '<' | '<=', operands: readonly [Operand, Operand], site: Site): Evaluate {
  const [{ evaluate: left }, { evaluate: right }] = operands;
  const compare = operator === '<' ? lessThan : atMost;
  return (frame) => {
    const a = left(frame);
    const b = right(frame);
    if (typeof a === 'number' && typeof b === 'number') return operator === '<' ? a < b : a <= b;
    site.machine.line = site.line;
    return compare(a, b);
  };
}

/** `a > b` is `b < a`, with the operands evaluated in the order in which they are written. */
function swapped(operator: '<' | '<=', operands: readonly [Operand, Operand], site: Site): Evaluate {
  const [{ evaluate: left }, { evaluate: right }] = operands;
  const compare = operator === '<' ? lessThan : atMost;
  return (frame) => {
    const a = left(frame);
    const b = right(frame);
    if (typeof a === 'number' && typeof b === 'number') return operator === '<' ? b < a : b <= a;
    site.machine.line = site.line;
    return compare(b, a);
  };
}

export function lessThan(a: LuaValue, b: LuaValue): boolean {
  if (typeof a === 'number' && typeof b === 'number') return a < b;
  if (typeof a === 'string' && typeof b === 'string') return a < b;
  return incomparable(a, b);
}

function atMost(a: LuaValue, b: LuaValue): boolean {
  if (typeof a === 'number' && typeof b === 'number') return a <= b;
  if (typeof a === 'string' && typeof b === 'string') return a <= b;
  return incomparable(a, b);
}

function incomparable(a: LuaValue, b: LuaValue): never {
  const [left, right] = [typeName(a), typeName(b)];
  throw new LuaFault(
    left === right ? `attempt to compare two ${left} values` : `attempt to compare ${left} with ${right}`,
  );
}

export function unary(operator: UnaryOperator, operand: Operand, site: Site): Evaluate {
  const { evaluate, name } = operand;
  switch (operator) {
    case 'not':
      return (frame) => {
        const value = evaluate(frame);
        return value === undefined || value === false;
      };
    case '-':
      return (frame) => {
        const value = evaluate(frame);
        const number = toNumber(value);
        return number === undefined ? refuse(site, 'perform arithmetic on', { value, name }) : -number;
      };
    case '#':
      return (frame) => {
        const value = evaluate(frame);
        if (value instanceof LuaTable || typeof value === 'string') return value.length;
        return refuse(site, 'get length of', { value, name });
      };
  }
}
