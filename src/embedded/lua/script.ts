import { compile, type Environment } from './compile/compiler.js';
import type { Machine } from './compile/frame.js';
import { CHUNK } from './fault.js';
import { baseFunctions } from './library/base.js';
import { bitLibrary } from './library/bit.js';
import { cjsonLibrary } from './library/cjson.js';
import { cmsgpackLibrary } from './library/cmsgpack.js';
import { Drand48, mathLibrary } from './library/math.js';
import { stringLibrary } from './library/string.js';
import { structLibrary } from './library/struct.js';
import { tableLibrary } from './library/table.js';
import { parse } from './parser.js';
import { type LuaFunction, LuaTable, type LuaValue } from './value.js';

/** Calls and loop turns that one run may make before it is stopped: about a second. */
const BUDGET = 20_000_000;

/** The Lua of one server: its libraries, and the state that the running script shares with them. */
export class LuaRuntime {
  readonly machine: Machine = { line: 0, budget: 0 };
  readonly #environment: Environment;
  readonly #generator = new Drand48();
  #keys: LuaTable = new LuaTable();
  #args: LuaTable = new LuaTable();

  /** @param hostLibraries further global tables, made for this runtime's machine: `redis` */
  constructor(hostLibraries: (machine: Machine) => Readonly<Record<string, LuaTable>>) {
    const strings = stringLibrary();
    const globals = LuaTable.of({
      ...baseFunctions(this.machine),
      bit: bitLibrary(),
      cjson: cjsonLibrary(),
      cmsgpack: cmsgpackLibrary(),
      math: mathLibrary(this.#generator),
      string: strings,
      struct: structLibrary(),
      table: tableLibrary(),
      ...hostLibraries(this.machine),
    });
    const perRun = new Map([
      ['KEYS', () => this.#keys],
      ['ARGV', () => this.#args],
    ]);
    this.#environment = { machine: this.machine, globals, perRun, strings };
  }

  /** @throws LuaError for a syntax error */
  compile(source: string): LuaFunction {
    return compile(parse(source, CHUNK), this.#environment);
  }

  /** Runs a compiled script. The first value that it returns is its result. */
  run(script: LuaFunction, keys: LuaValue[], args: LuaValue[]): LuaValue {
    this.#keys = new LuaTable(keys);
    this.#args = new LuaTable(args);
    this.#generator.reset();
    this.machine.line = 0;
    this.machine.budget = BUDGET;
    const results = script([]);
    return Array.isArray(results) ? results[0] : results;
  }
}
