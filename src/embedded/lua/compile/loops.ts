import { LuaFault, type LuaFunction, type LuaValue } from '../value.js';
import { spend } from './calls.js';
import {
  type Assign,
  BREAK,
  type Completion,
  type Evaluate,
  type EvaluateList,
  type Execute,
  type Machine,
} from './frame.js';
import { refuse, type Site, toNumber } from './operators.js';

export function whileLoop(condition: Evaluate, body: Execute, machine: Machine): Execute {
  return (frame) => {
    for (let value = condition(frame); value !== undefined && value !== false; value = condition(frame)) {
      spend(machine);
      const completion = body(frame);
      if (completion === BREAK) return undefined;
      if (completion !== undefined) return completion;
    }
    return undefined;
  };
}

export function repeatLoop(body: Execute, condition: Evaluate, machine: Machine): Execute {
  return (frame) => {
    for (;;) {
      spend(machine);
      const completion = body(frame);
      if (completion === BREAK) return undefined;
      if (completion !== undefined) return completion;
      const value = condition(frame);
      if (value !== undefined && value !== false) return undefined;
    }
  };
}

const BOUNDS = ['initial', 'limit', 'step'] as const;

export function numericFor(
  range: readonly [Evaluate, Evaluate, Evaluate],
  loop: { declare: Assign; body: Execute },
  site: Site,
): Execute {
  const { machine } = site;
  const { declare, body } = loop;
  const bound = (value: LuaValue, which: 0 | 1 | 2): number => {
    const number = toNumber(value);
    if (number !== undefined) return number;
    machine.line = site.line;
    throw new LuaFault(`'for' ${BOUNDS[which]} ${which === 1 || which === 2 ? '' : 'value '}must be a number`);
  };
  return (frame) => {
    const [start, limit, step] = [range[0](frame), range[1](frame), range[2](frame)];
    const from = bound(start, 0);
    const to = bound(limit, 1);
    const by = bound(step, 2);
    for (let index = from; by > 0 ? index <= to : index >= to; index += by) {
      spend(machine);
      declare(frame, index);
      const completion: Completion = body(frame);
      if (completion === BREAK) return undefined;
      if (completion !== undefined) return completion;
    }
    return undefined;
  };
}

export function genericFor(
  values: EvaluateList,
  loop: { declare: readonly Assign[]; body: Execute },
  site: Site,
): Execute {
  const { machine } = site;
  const { declare, body } = loop;
  return (frame) => {
    const [iterator, state, start] = values(frame);
    if (typeof iterator !== 'function') return refuse(site, 'call', { value: iterator, name: undefined });
    const step: LuaFunction = iterator;
    for (let control = start; ;) {
      spend(machine);
      machine.line = site.line;
      const results = step([state, control]);
      const isList = Array.isArray(results);
      control = isList ? results[0] : results;
      if (control === undefined) return undefined;
      declare[0]?.(frame, control);
      for (let index = 1; index < declare.length; index += 1) {
        declare[index]?.(frame, isList ? results[index] : undefined);
      }
      const completion = body(frame);
      if (completion === BREAK) return undefined;
      if (completion !== undefined) return completion;
    }
  };
}
