import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { DistributedLock, type LockGuard } from '../../../src/lock/index.js';
import { settle, type VirtualClock } from '../../unit/lock/virtual-clock.js';
import { type Fault, World } from '../../unit/lock/world.js';

/*
 * Several processes, one lock, a network that loses requests, loses replies, cuts connections and delivers commands
 * late, messages that get lost, clocks that jump and event loops that stall. At any moment: whoever says that it holds the
 * lock is the owner on the server, by a lease that lives; fences rise. When the trouble is over, nobody waits in vain.
 */

interface Deed {
  readonly do: 'acquire' | 'try' | 'release' | 'extend' | 'verify' | 'abort';
  readonly who: number;
}
interface Move {
  readonly do: 'advance' | 'stall' | 'wall' | 'latency' | 'message';
  readonly ms: number;
}
interface Trouble {
  readonly do: 'fault';
  readonly fault: Fault | undefined;
}
interface Silence {
  readonly do: 'deaf' | 'cut';
  readonly is: boolean;
}
type Step = Deed | Move | Trouble | Silence;

const PROCESSES = 3;
/** For how long a waiter owns what it was handed, until it is heard of. */
const CLAIM_MS = 1_000;
/** A pause until it is asked again, and what the looks of several processes take. */
const GRACE_MS = 600;
const TIMEOUT_MS = 2_000;
const KEY = 'ru:lock:{k}';

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: who('acquire', 'try', 'release', 'extend', 'verify', 'abort') },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 600 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('stall' as const), ms: fc.integer({ min: 1, max: 1500 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wall' as const), ms: fc.integer({ min: -9000, max: 900 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('latency' as const), ms: fc.integer({ min: 0, max: 200 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('message' as const), ms: fc.integer({ min: 0, max: 1500 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('fault' as const), fault: fault() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('deaf' as const, 'cut' as const), is: fc.boolean() }) },
);

function who(...names: Deed['do'][]): fc.Arbitrary<Step> {
  return fc.record({ do: fc.constantFrom(...names), who: fc.nat(PROCESSES - 1) });
}

function fault(): fc.Arbitrary<Fault | undefined> {
  return fc.constantFrom('lose-request', 'lose-reply', 'cut-before', 'cut-after', 'refused', 'zombie', undefined);
}

interface Premises {
  readonly world: World;
  readonly ttlMs: number;
  readonly renew: boolean;
  readonly fences: bigint[];
}

class Process {
  readonly #lock: DistributedLock;
  #stop = new AbortController();
  guards: LockGuard[] = [];
  /** What it is granted from now on it gives back. */
  isDone = false;
  turns = 0;
  /** By when each acquisition that has not settled must have. */
  readonly pending = new Set<number>();
  readonly #clock: VirtualClock;

  /** Of all processes. */
  readonly #fences: bigint[];

  constructor({ world, ttlMs, renew, fences }: Premises) {
    this.#clock = world.clock;
    this.#fences = fences;
    this.#lock = new DistributedLock(world.process(), 'k', ttlMs, { renew });
  }

  /** Waits for longer than anything may last. */
  async turn(): Promise<void> {
    await this.#lock.run(() => void (this.turns += 1), { timeout: 60_000 });
  }

  acquire(waits: boolean): void {
    const options = { timeout: TIMEOUT_MS, signal: this.#stop.signal };
    const guard = waits ? this.#lock.acquire(options) : this.#lock.tryAcquire(options);
    // no two are equal
    const dueMs = this.#clock.nowMs + TIMEOUT_MS + this.pending.size / 1e6;
    this.pending.add(dueMs);
    void guard.finally(() => this.pending.delete(dueMs)).catch(() => undefined);
    guard.then(
      (value) => {
        if (value === undefined) return;
        this.guards.push(value);
        this.#fences.push(value.fence);
        if (this.isDone) void value.release();
        // from here on it is timers, not questions, that end a lease
        if (this.guards.length % 2 === 0) value.signal.addEventListener('abort', () => undefined);
      },
      () => undefined,
    );
  }

  abort(): void {
    this.#stop.abort(new Error('stop'));
    this.#stop = new AbortController();
  }

  each(act: (guard: LockGuard) => Promise<unknown>): void {
    for (const guard of this.guards) act(guard).catch(() => undefined);
  }
}

function perform(world: World, processes: readonly Process[], action: Step): void | Promise<void> {
  if ('fault' in action) return void world.faults.push(action.fault);
  if ('is' in action) return action.do === 'cut' ? world.cutInboxes(action.is) : void (world.isDeaf = action.is);
  if ('who' in action) return ask(processes[action.who] as Process, action);
  if (action.do === 'advance') return world.clock.advance(action.ms);
  if (action.do === 'stall') return world.clock.stall(action.ms);
  if (action.do === 'wall') return world.clock.jumpWall(action.ms);
  if (action.do === 'message') world.messageDelayMs = action.ms;
  else world.latencyMs = action.ms;
}

function ask(process: Process, action: Deed): void {
  if (action.do === 'abort') return process.abort();
  if (action.do === 'release') return process.each((guard) => guard.release());
  if (action.do === 'extend') return process.each((guard) => guard.extend());
  if (action.do === 'verify') return process.each((guard) => guard.verify());
  process.acquire(action.do === 'acquire');
}

function checkTimes(world: World, pending: ReadonlySet<number>): void {
  for (const dueMs of pending) expect(Math.floor(dueMs)).toBeGreaterThanOrEqual(world.clock.nowMs);
}

function holders(processes: readonly Process[]): LockGuard[] {
  return processes.flatMap(({ guards }) => guards.filter(({ state }) => state === 'held' || state === 'suspect'));
}

test(
  'whoever says that it holds the lock is its only owner, whatever the network and the clocks do',
  { timeout: 60_000 },
  async () => {
    const steps = fc.array(step, { minLength: 5, maxLength: 40 });
    const terms = fc.record({ ttlMs: fc.constantFrom(1_000, 3_000), renew: fc.boolean(), listens: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(steps, terms, async (actions, { ttlMs, renew, listens }) => {
        const world = new World();
        world.listens = listens;
        const fences: bigint[] = [];
        const processes = Array.from({ length: PROCESSES }, () => new Process({ world, ttlMs, renew, fences }));
        const look = (): void => {
          const held = holders(processes);
          expect(held.length).toBeLessThanOrEqual(1);
          const onServer = world.locks.get(KEY);
          for (const guard of held) {
            expect(onServer?.owner).toBe(guard.token);
            expect(world.clock.nowMs + guard.remainingMs).toBeLessThanOrEqual(onServer?.endMs ?? 0);
          }
        };
        for (const action of actions) {
          await perform(world, processes, action);
          await settle();
          look();
          // timers that a stall has held up have had their turn
          if (action.do === 'advance') for (const { pending } of processes) checkTimes(world, pending);
        }
        await world.cutInboxes(false);
        Object.assign(world, { latencyMs: 0, messageDelayMs: 0, isDeaf: false });
        world.faults.length = 0;
        for (const process of processes) process.isDone = true;
        const turns = Promise.all(processes.map((process) => process.turn()));
        for (const process of processes) process.each((guard) => guard.release());
        await world.clock.advance(ttlMs + CLAIM_MS + GRACE_MS);
        look();
        expect(processes.map((process) => process.turns)).toEqual([1, 1, 1]);
        await turns;
        // in the order in which they were acquired, over all processes
        expect(fences.every((fence, n) => n === 0 || fence > (fences[n - 1] as bigint))).toBe(true);
        for (const process of processes) process.abort();
        await world.clock.advance(20_000);
        expect(world.clock.timers).toBe(0);
        expect(holders(processes)).toEqual([]);
        // a command that the server read after its caller had given up may have left one whose time is over
        const { queue = [] } = world.locks.get(KEY) ?? {};
        expect(queue.filter(({ untilMs }) => untilMs > world.clock.nowMs)).toEqual([]);
      }),
      { numRuns: 1500 },
    );
  },
);
