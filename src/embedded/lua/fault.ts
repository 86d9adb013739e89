import type { Machine } from './compile/frame.js';
import { LuaError, LuaFault, type LuaValue } from './value.js';

/** The name that positions in error messages begin with, as on a server. */
export const CHUNK = 'user_script';

export function position(machine: Machine): string {
  return `${CHUNK}:${machine.line}: `;
}

/** The Lua value of an error that a script may catch. Rethrows what it may not: a spent budget, a defect of ours. */
export function caughtValue(error: unknown, machine: Machine): LuaValue {
  if (error instanceof LuaError) return error.value;
  if (error instanceof LuaFault) return position(machine) + error.message;
  if (error instanceof RangeError && /call stack/.test(error.message)) return `${position(machine)}stack overflow`;
  if (error instanceof RangeError) return 'not enough memory';
  throw error;
}
