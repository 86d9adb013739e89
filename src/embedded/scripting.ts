import { createHash } from 'node:crypto';

import type { Machine } from './lua/compile/frame.js';
import { caughtValue } from './lua/fault.js';
import { library } from './lua/library/arguments.js';
import { toInt64 } from './lua/number.js';
import { LuaRuntime } from './lua/script.js';
import { LuaBudgetError, LuaError, LuaFault, type LuaFunction, LuaTable, type LuaValue } from './lua/value.js';
import { doubleText } from './number.js';
import { Double, type EngineReply, ErrorReply, MapReply, PairsReply, Status } from './reply.js';
import type { ScriptCall, Scripts, Session } from './server.js';

const MAX_REPLY_DEPTH = 100;

/** Where a script's own calls run: the engine, on a session that belongs to scripts. */
export interface ScriptHost {
  readonly session: Session;
  /** Runs a command of a script. @throws ErrorReply */
  call(argv: readonly string[], readOnly: boolean): EngineReply;
}

/** Compiles scripts once each, and runs them with `redis.call` bound to the host. */
export class ScriptCache implements Scripts {
  readonly #host: ScriptHost;
  readonly #runtime: LuaRuntime;
  readonly #compiled = new Map<string, LuaFunction>();
  #shaBySource = new Map<string, string>();
  #isReadOnly = false;

  constructor(host: ScriptHost) {
    this.#host = host;
    this.#runtime = new LuaRuntime((machine) => ({ redis: this.#redisLibrary(machine) }));
  }

  load(source: string): string {
    const known = this.#shaBySource.get(source);
    if (known !== undefined) return known;
    const sha = sha1(source);
    this.#compiled.set(sha, this.#compile(source));
    this.#shaBySource.set(source, sha);
    return sha;
  }

  has(sha: string): boolean {
    return this.#compiled.has(sha);
  }

  flush(): void {
    this.#compiled.clear();
    this.#shaBySource.clear();
  }

  run({ session, sha, keys, args, readOnly }: ScriptCall): EngineReply {
    const script = this.#compiled.get(sha) as LuaFunction;
    const { machine } = this.#runtime;
    this.#host.session.database = session.database;
    this.#isReadOnly = readOnly;
    try {
      return toReply(this.#runtime.run(script, keys, args), 0);
    } catch (error) {
      if (error instanceof ErrorReply) throw error;
      if (error instanceof LuaBudgetError)
        throw new ErrorReply(`ERR Error running script: ${error.message} and was stopped`);
      throw failure(caughtValue(error, machine), sha, machine.line);
    }
  }

  #compile(source: string): LuaFunction {
    try {
      return this.#runtime.compile(source);
    } catch (error) {
      if (!(error instanceof LuaError)) throw error;
      throw new ErrorReply(`ERR Error compiling script (new function): ${error.message}`);
    }
  }

  #redisLibrary(machine: Machine): LuaTable {
    const call = (args: readonly LuaValue[]): LuaValue => toLua(this.#host.call(words(args), this.#isReadOnly));
    const levels = { LOG_DEBUG: 0, LOG_VERBOSE: 1, LOG_NOTICE: 2, LOG_WARNING: 3 };
    const redis = {
      // a server raises the error as a table, so that `pcall` sees what `redis.pcall` returns
      call: ({ values }: { values: readonly LuaValue[] }) =>
        attempt(
          machine,
          () => call(values),
          (error) => {
            throw new LuaError(error);
          },
        ),
      pcall: ({ values }: { values: readonly LuaValue[] }) =>
        attempt(
          machine,
          () => call(values),
          (error) => error,
        ),
      error_reply: ({ values }: { values: readonly LuaValue[] }) => errorTable(singleText(values)),
      log: () => [],
      sha1hex: ({ values }: { values: readonly LuaValue[] }) => sha1(singleText(values)),
      status_reply: ({ values }: { values: readonly LuaValue[] }) => LuaTable.of({ ok: singleText(values) }),
    };
    return library(redis, levels);
  }
}

function sha1(text: string): string {
  return createHash('sha1').update(text, 'latin1').digest('hex');
}

function attempt(machine: Machine, run: () => LuaValue, onError: (error: LuaTable) => LuaValue): LuaValue {
  const { line } = machine;
  try {
    return run();
  } catch (error) {
    if (!(error instanceof ErrorReply)) throw error;
    return onError(LuaTable.of({ err: error.message, source: '@user_script', line: String(line) }));
  }
}

function singleText(values: readonly LuaValue[]): string {
  const [text] = values;
  if (values.length !== 1 || typeof text !== 'string') throw new LuaFault('wrong number or type of arguments');
  return text;
}

/** `CODE text` stays as it is; a single word becomes the text of a generic error. */
function errorTable(text: string): LuaTable {
  const trimmed = text.startsWith('-') ? text.slice(1) : text;
  return LuaTable.of({ err: trimmed.includes(' ') ? trimmed : `ERR ${trimmed}` });
}

/** The words of a command that a script sends: numbers as the shortest text that gives the same number. */
function words(args: readonly LuaValue[]): string[] {
  if (args.length === 0) throw new ErrorReply('ERR Please specify at least one argument for this redis.call()');
  return args.map((arg) => {
    if (typeof arg === 'string') return arg;
    if (typeof arg === 'number') return numberWord(arg);
    throw new ErrorReply('ERR Lua redis lib command arguments must be strings or integers');
  });
}

function numberWord(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 2 ** 63) return String(BigInt(value));
  return Number.isNaN(value) ? 'nan' : doubleText(value);
}

/** A reply as a script sees it, which is RESP2. */
function toLua(reply: EngineReply): LuaValue {
  if (typeof reply === 'string' || typeof reply === 'number') return reply;
  if (reply === null) return false;
  if (reply instanceof Status) return LuaTable.of({ ok: reply.text });
  if (reply instanceof Double) return doubleText(reply.value);
  if (reply instanceof ErrorReply) return LuaTable.of({ err: reply.message });
  if (reply instanceof MapReply || reply instanceof PairsReply) return new LuaTable(reply.flat.map(toLua));
  return new LuaTable(reply.map(toLua));
}

/** What a script returns, as a reply: numbers lose their fraction, a list ends at its first nil. */
function toReply(value: LuaValue, depth: number): EngineReply {
  if (typeof value === 'string') return value;
  // plus 0, because the server has no negative zero among its integers
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value + 0 : Number(toInt64(value));
  if (value === true) return 1;
  if (!(value instanceof LuaTable)) return null;
  if (depth > MAX_REPLY_DEPTH) throw new ErrorReply('ERR reached lua stack limit');
  const error = value.get('err');
  if (typeof error === 'string') return replyError(error, depth);
  const ok = value.get('ok');
  if (typeof ok === 'string') return new Status(ok.replace(/[\r\n]/g, ' '));
  const items: EngineReply[] = [];
  for (const item of value.list) {
    if (item === undefined) break;
    items.push(toReply(item, depth + 1));
  }
  return items;
}

/** An error is the whole reply, or one item of a list. */
function replyError(text: string, depth: number): EngineReply {
  const error = new ErrorReply(text.replace(/[\r\n]/g, ' '));
  if (depth === 0) throw error;
  return error;
}

/** The error reply of a script that stopped with `value`. */
function failure(value: LuaValue, sha: string, line: number): ErrorReply {
  const where = `script: ${sha}, on @user_script:${line}.`;
  if (value instanceof LuaTable) {
    const text = value.get('err');
    return new ErrorReply(`${typeof text === 'string' ? text : 'ERR unknown error'} ${where}`);
  }
  const text = typeof value === 'string' || typeof value === 'number' ? String(value) : 'unknown error';
  return new ErrorReply(`ERR ${text} ${where}`);
}
