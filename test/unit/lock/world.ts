import type { RedisManager } from '../../../src/client/manager.js';
import type { CommandArg, CommandOptions } from '../../../src/client/calls/command.js';
import type { Script, ScriptDef } from '../../../src/client/script.js';
import type { MessageSink } from '../../../src/client/subscriptions/subscriber.js';
import { ConnectionError, ServerError, TimeoutError } from '../../../src/core/errors.js';
import { KeySpace } from '../../../src/core/key-space.js';
import type { Random } from '../../../src/core/random.js';
import { settle, VirtualClock } from './virtual-clock.js';

/**
 * A world of its own for lock tests: one virtual clock for everybody, a server that keeps locks in a map, and a network
 * that does what the test says. What the real scripts do is tested against real servers, not here.
 */

export { settle, VirtualClock };

interface Queued {
  readonly token: string;
  readonly channel: string;
  readonly ttlMs: number;
  readonly untilMs: number;
}

interface Held {
  owner: string;
  fence: number;
  endMs: number;
  /** Where the owner is told. */
  channel?: string;
  queue?: Queued[];
}

/** What the server gives a waiter until it hears of it. */
const CLAIM_MS = 1_000;

/**
 * What happens to one command on its way: its request is lost, its reply is lost, or the connection is cut. A `zombie` is
 * a request whose connection is cut, and which the server reads nevertheless, much later.
 */
export type Fault = 'lose-request' | 'lose-reply' | 'cut-before' | 'cut-after' | 'refused' | 'zombie' | Error;

const ZOMBIE_DELAY_MS = 700;

/** What one call asked of the server. The calls of one command share its number, its time and its options. */
export interface Call {
  readonly command: number;
  readonly name: string;
  readonly key: string;
  readonly token: string;
  readonly ttlMs: number;
  readonly waitMs: number;
  readonly shape: string;
  readonly text: string;
  readonly channel: string;
  readonly atMs: number;
  readonly options: CommandOptions | undefined;
}

export class World {
  readonly clock: VirtualClock;
  readonly locks = new Map<string, Held>();
  readonly calls: Call[] = [];
  /** Keys that hold something that is no lock. */
  readonly foreign = new Set<string>();
  /** Keys that the user of this connection may not touch: the server refuses any command that names one. */
  readonly forbidden = new Set<string>();
  readonly reported: { source: string; error: unknown }[] = [];
  /** One way. */
  latencyMs = 0;
  /** Faults of the next commands, in order; `undefined` lets one pass. */
  readonly faults: (Fault | undefined)[] = [];
  /** The fault of every command that has none of its own. */
  weather: Fault | undefined;
  /** Whether whoever wants to listen to messages can: else they wait for it. */
  listens = false;
  /** Messages get lost, though the server counts them as heard. */
  isDeaf = false;
  /** How much longer than a reply a message is under way; below 0 it overtakes replies. */
  messageDelayMs = 0;
  /** By how much the server's clock is ahead of everybody else's. */
  serverAheadMs = 0;
  /** How often somebody began to listen. */
  subscriptions = 0;
  #isCut = false;
  readonly #onRestored: (() => void)[] = [];
  readonly #sinks = new Map<string, MessageSink>();
  readonly random: Random = { uniform: () => 0.5, bytes: (size) => this.#bytes(size) };
  readonly #hooks: (() => void | Promise<void>)[] = [];
  #drawn = 0;
  #commands = 0;
  /** When the server was started, and which of its starts the connection leads to. */
  startedAtMs = -1_000_000_000;
  #lives = 0;
  /** How often the server was asked for its uptime. */
  looks = 0;
  readonly manager: RedisManager;

  constructor({ clock = new VirtualClock(), name = 'world' }: { clock?: VirtualClock; name?: string } = {}) {
    this.clock = clock;
    this.manager = this.#manager(`redis://${name}`);
  }

  #manager(endpoint: string): RedisManager {
    return {
      clock: this.clock,
      random: this.random,
      endpoint,
      config: { prefix: 'ru', commandTimeoutMs: 5_000, target: { kind: 'tcp' } },
      keySpace: (module: string, prefix?: string) => KeySpace.of(prefix ?? 'ru', module),
      reportError: (source: string, error: unknown) => void this.reported.push({ source, error }),
      requireAtMostOnce: () => {},
      on: () => () => {},
      nodes: () => [{ connectedSince: new Date(this.#lives) }],
      command: (args: readonly string[], options?: CommandOptions) => this.#command(args, options),
      onClose: (hook: () => void | Promise<void>) => this.#hooks.push(hook),
      script: (def: ScriptDef<readonly CommandArg[], unknown>) => this.#script(def),
      subscriber: {
        subscribe: async ({ name }: { readonly name: string }, sink: MessageSink) => {
          if (!this.listens) await new Promise(() => {});
          if (this.#isCut) await new Promise<void>((resolve) => this.#onRestored.push(resolve));
          this.#sinks.set(name, sink);
          this.subscriptions += 1;
          return { release: async () => {} };
        },
      },
    } as unknown as RedisManager;
  }

  /** The server starts anew, without its data: whatever is under way fails. */
  restart(): void {
    this.locks.clear();
    this.startedAtMs = this.clock.nowMs;
    this.#lives += 1;
  }

  async #command([name, section]: readonly string[], options: CommandOptions | undefined): Promise<string> {
    if (name !== 'INFO' || section !== 'server') return '';
    this.looks += 1;
    const uptime = (): string => `uptime_in_seconds:${Math.floor((this.clock.nowMs - this.startedAtMs) / 1_000)}`;
    return this.#send(options, uptime, this.weather);
  }

  /** A further process: a manager of its own on the same server. */
  process(): RedisManager {
    return Object.assign(Object.create(null) as RedisManager, this.manager);
  }

  /** How many commands were sent. */
  get commands(): number {
    return this.#commands;
  }

  /** What the server's clock says. */
  get serverMs(): number {
    return this.clock.nowMs + this.serverAheadMs;
  }

  /** The connections on which messages come end, or are back: meanwhile nobody hears anything. */
  async cutInboxes(isCut: boolean): Promise<void> {
    if (isCut === this.#isCut) return;
    this.#isCut = isCut;
    for (const sink of this.#sinks.values()) {
      if (isCut) sink.onLost(new Error('cut'), 0);
      else sink.onRestored();
    }
    if (!isCut) for (const resolve of this.#onRestored.splice(0)) resolve();
    await settle();
  }

  names(): string[] {
    return this.calls.map((call) => call.name);
  }

  async close(): Promise<void> {
    for (const hook of this.#hooks) await hook();
  }

  #bytes(size: number): Buffer {
    const bytes = Buffer.alloc(size);
    for (let at = 0; at + 4 <= size; at += 4) bytes.writeUInt32BE((this.#drawn += 1), at);
    return bytes;
  }

  #script<R>(def: ScriptDef<readonly CommandArg[], R>): Script<readonly CommandArg[], R> {
    return {
      name: def.name,
      run: async (keys, args, options) => {
        this.#commands += 1;
        if (def.name === 'lock.tenure')
          return def.decode(await this.#send(options, () => this.#tenure(keys[0] as string)));
        const calls = unpack(keys, args).map((call) => ({
          ...call,
          command: this.#commands,
          atMs: this.clock.nowMs,
          options,
        }));
        this.calls.push(...calls);
        const forbidden = keys.some((key) => this.forbidden.has(key));
        if (forbidden) throw new ServerError('NOPERM No permissions to access a key', 'EVALSHA');
        return def.decode(await this.#send(options, () => this.#run(calls)));
      },
    };
  }

  #send(
    options: CommandOptions | undefined,
    execute: () => unknown,
    fault = this.faults.length > 0 ? this.faults.shift() : this.weather,
  ): Promise<never> {
    const life = this.#lives;
    const timeoutMs = Number(options?.timeout ?? 5_000);
    return new Promise((resolve, reject) => {
      const end = (): void => {
        deadline.cancel();
        options?.signal?.removeEventListener('abort', onAbort);
      };
      const fail = (error: unknown): void => {
        end();
        reject(error);
      };
      const onAbort = (): void => fail(options?.signal?.reason);
      const deadline = this.clock.timer(timeoutMs, () => fail(new TimeoutError('EVALSHA', timeoutMs)));
      options?.signal?.addEventListener('abort', onAbort);
      if (fault instanceof Error) return fail(fault);
      if (fault === 'refused') return fail(cut('not-sent'));
      if (fault === 'zombie') this.clock.timer(ZOMBIE_DELAY_MS, execute);
      if (fault === 'cut-before' || fault === 'zombie') return fail(cut('unknown'));
      this.#later(() => {
        if (fault === 'lose-request') return;
        if (life !== this.#lives) return fail(cut('unknown'));
        const reply = execute();
        if (fault === 'lose-reply') return;
        if (fault === 'cut-after') return fail(cut('unknown'));
        this.#later(() => {
          if (life !== this.#lives) return fail(cut('unknown'));
          end();
          resolve(reply as never);
        });
      });
    });
  }

  #later(fn: () => void): void {
    if (this.latencyMs === 0) fn();
    else this.clock.timer(this.latencyMs, fn);
  }

  #run(calls: readonly Call[]): (string | number)[] {
    return [this.serverMs, ...calls.flatMap((call) => this.#execute(call))];
  }

  #execute(call: Call): [said: string | number, leaseEnd: number] {
    const { name, key, token, ttlMs } = call;
    const nowMs = this.serverMs;
    if (this.foreign.has(key)) return ['WRONGTYPE Operation against a key', nowMs];
    const held: Held = this.locks.get(key) ?? { owner: '', fence: 0, endMs: 0 };
    this.locks.set(key, held);
    if (name === 'acquire') return this.#acquire(held, call);
    const isOwner = held.owner === token;
    const stranger = held.owner === '' ? 0 : -1;
    if (name === 'release') {
      if (isOwner) this.#handOver(held);
      held.queue = held.queue?.filter((waiter) => waiter.token !== token) ?? [];
      return [isOwner ? 1 : stranger, nowMs];
    }
    if (name === 'force') {
      const { owner, channel, endMs } = held;
      if (owner === '' || endMs <= nowMs) return [0, nowMs];
      this.#handOver(held);
      this.#tell(channel ?? '', `f ${owner} ${call.text}`);
      return [1, nowMs];
    }
    const standing = isOwner ? Number(held.endMs > nowMs) : stranger;
    if (name === 'raise' && standing === 1) held.fence = Math.max(held.fence, Number(call.text));
    if (name === 'extend' && standing === 1) held.endMs = Math.max(held.endMs, nowMs + ttlMs);
    return [standing, held.endMs];
  }

  #acquire(held: Held, { key, token, ttlMs, waitMs, shape, channel }: Call): [said: string | number, leaseEnd: number] {
    const nowMs = this.serverMs;
    const isHeld = held.owner !== '' && held.endMs > nowMs;
    if (isHeld && held.owner === token) return [String(held.fence), held.endMs];
    const queue = (held.queue ??= []);
    const waits = queue.some((waiter) => waiter.token === token);
    const isFree = !isHeld && (queue.length === 0 || held.owner === token);
    if (!isFree && waitMs > 0 && !waits) queue.push({ token, channel, ttlMs, untilMs: nowMs + waitMs });
    const rank = queue.findIndex((waiter) => waiter.token === token);
    if (isHeld && waits) this.#announce(held, key);
    if (!isFree && !isHeld) this.#handOver(held);
    if (isFree || held.owner === '') {
      const fence = Math.max(held.fence + 1, Number(shape));
      Object.assign(held, { owner: token, channel, fence, endMs: nowMs + ttlMs });
    }
    if (held.owner === token) return [String(held.fence), held.endMs];
    return [rank === -1 ? '' : rank, held.endMs];
  }

  #tenure(key: string): unknown {
    const { owner = '', fence = 0, endMs = 0 } = this.locks.get(key) ?? {};
    const nowMicros = this.serverMs * 1_000;
    return [Math.floor(nowMicros / 1e6), nowMicros % 1e6, [owner, String(fence), String(endMs), null]];
  }

  #handOver(held: Held): void {
    const nowMs = this.serverMs;
    held.owner = '';
    const queue = held.queue ?? [];
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const { token, channel, ttlMs, untilMs } = next;
      if (untilMs <= nowMs || this.#isCut || !this.#sinks.has(channel)) continue;
      const endMs = nowMs + Math.min(ttlMs, CLAIM_MS);
      Object.assign(held, { owner: token, channel, fence: held.fence + 1, endMs });
      return this.#tell(channel, `g ${token} ${held.fence} ${endMs} ${nowMs}`);
    }
  }

  #announce(held: Held, key: string): void {
    const channels = new Set(held.queue?.map(({ channel }) => channel));
    for (const [before, channel] of [...channels].entries()) {
      this.#tell(channel, `l ${held.endMs} ${this.serverMs} ${before} ${key}`);
    }
  }

  #tell(channel: string, message: string): void {
    const sink = this.#sinks.get(channel);
    if (sink === undefined || this.isDeaf || this.#isCut) return;
    const deliver = (): void =>
      sink.onMessage({ kind: 'channel', name: channel, channel, payload: Buffer.from(message) });
    if (this.messageDelayMs === 0) this.#later(deliver);
    else this.clock.timer(Math.max(0, this.latencyMs + this.messageDelayMs), deliver);
  }
}

type Unpacked = Omit<Call, 'command' | 'atMs' | 'options'>;

/** The calls in the arguments of `lock.run`. */
function unpack(keys: readonly string[], args: readonly CommandArg[]): Unpacked[] {
  const calls: Unpacked[] = [];
  const channel = args[0] as string;
  let at = 2;
  while (at < args.length) {
    type Group = [number, string, number, number, string, string];
    const [count, name, ttlMs, waitMs, shape, text] = args.slice(at, at + 6) as Group;
    for (const token of args.slice(at + 6, at + 6 + count) as string[]) {
      calls.push({ name, key: keys[calls.length] as string, token, ttlMs, waitMs, shape, text, channel });
    }
    at += 6 + count;
  }
  return calls;
}

function cut(outcome: 'not-sent' | 'unknown'): ConnectionError {
  return new ConnectionError('cut', { endpoint: 'redis://world', reason: 'lost', outcome });
}
