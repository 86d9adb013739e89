import type { Capture, Variable } from '../ast.js';
import { LuaBudgetError, LuaFault, type LuaFunction, LuaTable, type LuaResults, type LuaValue } from '../value.js';
import { declareLocal } from './access.js';
import {
  BREAK,
  type Cell,
  type Evaluate,
  type EvaluateList,
  type EvaluateMany,
  type Execute,
  Frame,
  type Machine,
} from './frame.js';
import { type Operand, refuse, type Site } from './operators.js';

export function spend(machine: Machine): void {
  machine.budget -= 1;
  if (machine.budget < 0) throw new LuaBudgetError('the script ran for too long');
}

/** `callee(args)`. */
export function call(callee: Operand, args: EvaluateList, site: Site): EvaluateMany {
  const { machine, line } = site;
  const { evaluate } = callee;
  return (frame) => {
    const fn = evaluate(frame);
    if (typeof fn !== 'function') return refuse(site, 'call', { value: fn, name: callee.name });
    const values = args(frame);
    machine.line = line;
    spend(machine);
    return fn(values);
  };
}

/** `object:method(args)`. */
export function callMethod(
  object: Operand,
  { method, args }: { method: string; args: EvaluateList },
  site: Site & { strings: LuaTable },
): EvaluateMany {
  const { machine, line } = site;
  return (frame) => {
    const self = object.evaluate(frame);
    let fn: LuaValue;
    if (self instanceof LuaTable) fn = self.get(method);
    else if (typeof self === 'string') fn = site.strings.get(method);
    else return refuse(site, 'index', { value: self, name: object.name });
    if (typeof fn !== 'function') return refuse(site, 'call', { value: fn, name: `method '${method}'` });
    const values = args(frame);
    values.unshift(self);
    machine.line = line;
    spend(machine);
    return fn(values);
  };
}

/** The values of an expression list: each gives one, except that the last may give any number. */
export function list(singles: readonly Evaluate[], last: EvaluateMany | undefined): EvaluateList {
  if (last === undefined) return fixedList(singles);
  const count = singles.length;
  return (frame) => {
    const values: LuaValue[] = [];
    for (let index = 0; index < count; index += 1) values.push((singles[index] as Evaluate)(frame));
    const rest = last(frame);
    if (Array.isArray(rest)) for (const value of rest) values.push(value);
    else values.push(rest);
    return values;
  };
}

function fixedList(singles: readonly Evaluate[]): EvaluateList {
  const [a, b, c] = singles as [Evaluate, Evaluate, Evaluate];
  switch (singles.length) {
    case 0:
      return () => [];
    case 1:
      return (frame) => [a(frame)];
    case 2:
      return (frame) => [a(frame), b(frame)];
    case 3:
      return (frame) => [a(frame), b(frame), c(frame)];
    default:
      return (frame) => singles.map((evaluate) => evaluate(frame));
  }
}

export interface FunctionPlan {
  readonly parameters: readonly Variable[];
  readonly isVararg: boolean;
  readonly slots: number;
  readonly captures: readonly Capture[];
  readonly run: Execute;
}

/** `function (…) … end`: evaluates to a function that closes over the cells it captures. */
export function makeFunction(plan: FunctionPlan): Evaluate {
  return (frame) => {
    const upvalues = plan.captures.map((capture) =>
      capture.from === 'local' ? (frame.slots[capture.slot] as Cell) : (frame.upvalues[capture.index] as Cell),
    );
    return activate(plan, upvalues);
  };
}

const NOTHING: LuaValue[] = [];

export function activate({ parameters, isVararg, slots, run }: FunctionPlan, upvalues: readonly Cell[]): LuaFunction {
  const declare = parameters.map(declareLocal);
  return (args): LuaResults => {
    const varargs = isVararg && args.length > declare.length ? args.slice(declare.length) : NOTHING;
    const frame = new Frame(slots, upvalues, varargs);
    for (let index = 0; index < declare.length; index += 1) declare[index]?.(frame, args[index]);
    const completion = run(frame);
    if (completion === BREAK) throw new LuaFault('no loop to break');
    return completion ?? NOTHING;
  };
}
