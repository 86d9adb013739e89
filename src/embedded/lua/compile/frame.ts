import type { LuaResults, LuaValue } from '../value.js';

/** A captured local: shared by the functions that use it. */
export interface Cell {
  value: LuaValue;
}

/** One activation of a Lua function. A slot holds the value of a local, or its cell when it is captured. */
export class Frame {
  readonly slots: (LuaValue | Cell)[];
  readonly upvalues: readonly Cell[];
  readonly varargs: LuaValue[];

  constructor(size: number, upvalues: readonly Cell[], varargs: LuaValue[]) {
    this.slots = new Array<LuaValue | Cell>(size);
    this.upvalues = upvalues;
    this.varargs = varargs;
  }
}

/** State that a running script shares with its library. */
export interface Machine {
  /** The line of the call or operation under way. */
  line: number;
  /** Loop turns and calls left before the script is stopped. */
  budget: number;
}

/** How a statement ended: normally (`undefined`), by `break`, or by `return` with these values. */
export const BREAK: unique symbol = Symbol('break');
export type Completion = undefined | typeof BREAK | LuaValue[];

export type Evaluate = (frame: Frame) => LuaValue;
/** For calls and `...`, which give any number of values. */
export type EvaluateMany = (frame: Frame) => LuaResults;
export type EvaluateList = (frame: Frame) => LuaValue[];
export type Execute = (frame: Frame) => Completion;
export type Assign = (frame: Frame, value: LuaValue) => void;

/** An expression as error messages name it (`local 'x'`), or undefined where Lua has no name for it. */
export type OperandName = string | undefined;
