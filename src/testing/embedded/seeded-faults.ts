import { checkInteger, checkKnown, checkNumber, wrong } from '../../core/check.js';
import { type Duration, toMs } from '../../core/duration.js';
import { COMMANDS } from '../../embedded/command-table.js';
import type { Waiter } from '../../embedded/blocking.js';
import type { InterceptedCommand, Interceptor } from '../../embedded/interceptor.js';
import type { EngineReply } from '../../embedded/reply.js';
import { seededRandom } from '../seeded-random.js';
import { executeFaulted, type Fault } from './faulted-command.js';

export interface FaultOptions {
  /** The same seed and the same sequence of commands give the same faults. 0 to 4294967295. Default: 1. */
  readonly seed?: number | undefined;
  /** How probable it is that a command is refused with an error reply. 0 to 1. Default: 0. */
  readonly error?: number | undefined;
  /**
   * The error replies to choose from, each with its code first. Default: `LOADING`, `BUSY`, and for commands that
   * write also `OOM` and `READONLY`, in the words of a server.
   */
  readonly errorReplies?: readonly string[] | undefined;
  /**
   * How probable it is that a command runs and its connection ends without the reply. 0 to 1. Default: 0. For clients
   * of the listener: a manager on `memory://` does not replace its own connection.
   */
  readonly lostReply?: number | undefined;
  /** How probable it is that the connection ends before the command runs. 0 to 1. Default: 0. As for `lostReply`. */
  readonly drop?: number | undefined;
  /** How probable it is that a reply is late. 0 to 1. Default: 0. */
  readonly delay?: number | undefined;
  /** A late reply is up to so much late, on the engine's clock, whole milliseconds. Default: 1 second. */
  readonly delayUpTo?: Duration | undefined;
  /** Names of the only commands that are meant. Default: all but those with which clients open connections. */
  readonly commands?: readonly string[] | undefined;
}

/** A fault that has happened. */
export interface InjectedFault {
  /** In capitals. */
  readonly command: string;
  readonly kind: Fault['kind'];
}

const OPTIONS = ['seed', 'error', 'errorReplies', 'lostReply', 'drop', 'delay', 'delayUpTo', 'commands'];
const CHANCES = ['error', 'lostReply', 'drop', 'delay'] as const;
const OPENING = new Set(['AUTH', 'HELLO', 'SELECT', 'CLIENT', 'RESET', 'QUIT', 'DISCARD']);
const ON_ALL = [
  'LOADING Redis is loading the dataset in memory',
  'BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.',
];
const ON_WRITES = [
  ...ON_ALL,
  "OOM command not allowed when used memory > 'maxmemory'.",
  "READONLY You can't write against a read only replica.",
];
const MAX_INJECTED = 10_000;

/** Faults of an engine, chosen by probability from a seed. */
export class SeededFaults implements Interceptor {
  /** What has happened, in order; the latest 10,000 at most. */
  readonly injected: InjectedFault[] = [];
  readonly #uniform: () => number;
  readonly #chances: Readonly<Record<(typeof CHANCES)[number], number>>;
  readonly #errorReplies: readonly string[] | undefined;
  readonly #delayUpToMs: number;
  readonly #commands: ReadonlySet<string> | undefined;

  /** @throws ConfigError */
  constructor(options: FaultOptions) {
    checkKnown('faults', options, OPTIONS);
    const chance = (name: (typeof CHANCES)[number]): number =>
      checkNumber(`faults.${name}`, options[name] ?? 0, { min: 0, max: 1 });
    this.#uniform = seededRandom(checkInteger('faults.seed', options.seed ?? 1, { min: 0, max: 2 ** 32 - 1 }));
    const [error, lostReply, drop, delay] = CHANCES.map(chance) as [number, number, number, number];
    const sum = error + lostReply + drop + delay;
    if (sum > 1) throw wrong('faults', 'probabilities of at most 1 together', sum);
    this.#chances = { error, lostReply, drop, delay };
    this.#errorReplies = options.errorReplies;
    if (options.errorReplies?.length === 0) throw wrong('faults.errorReplies', 'at least one reply', []);
    this.#delayUpToMs = toMs(options.delayUpTo ?? 1000, 'faults.delayUpTo');
    this.#commands = options.commands && new Set(options.commands.map((name) => name.toUpperCase()));
  }

  execute(command: InterceptedCommand): EngineReply | Waiter {
    const fault = this.#next(command.argv);
    return fault === undefined ? command.execute() : executeFaulted(fault, command);
  }

  #next(argv: readonly string[]): Fault | undefined {
    const command = (argv[0] as string).toUpperCase();
    const isMeant = this.#commands?.has(command) ?? !OPENING.has(command);
    if (!isMeant) return undefined;
    // two numbers for every command, so that one decision does not shift those after it
    const [which, what] = [this.#uniform(), this.#uniform()];
    const fault = this.#choose(command, which, what);
    if (fault !== undefined) this.#note({ command, kind: fault.kind });
    return fault;
  }

  #choose(command: string, which: number, what: number): Fault | undefined {
    const { error, lostReply, drop, delay } = this.#chances;
    if (which < error) return { kind: 'error', reply: this.#errorReply(command, what) };
    if (which < error + lostReply) return { kind: 'lost-reply' };
    if (which < error + lostReply + drop) return { kind: 'drop' };
    if (which < error + lostReply + drop + delay)
      return { kind: 'delay', delayMs: Math.ceil(what * this.#delayUpToMs) };
    return undefined;
  }

  #errorReply(command: string, what: number): string {
    const isWrite = COMMANDS.get(command)?.flags.includes('write') === true;
    const replies = this.#errorReplies ?? (isWrite ? ON_WRITES : ON_ALL);
    return replies[Math.floor(what * replies.length)] as string;
  }

  #note(fault: InjectedFault): void {
    if (this.injected.length === MAX_INJECTED) this.injected.splice(0, MAX_INJECTED / 2);
    this.injected.push(fault);
  }
}
