import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { DistributedLock, type LockGuard } from '../../../src/lock/index.js';
import { Servers } from '../../unit/lock/quorum/servers.js';
import { type Fault, settle } from '../../unit/lock/world.js';

/*
 * Several processes, one lock, three servers that are slow, lose messages, or start anew without their data: at any moment
 * at most one process says that it holds the lock, and a majority of servers that have not forgotten it agrees. Fences
 * rise in the order of the grants.
 */

interface Deed {
  readonly do: 'acquire' | 'try' | 'release' | 'extend' | 'verify' | 'abort';
  readonly who: number;
}
interface Move {
  readonly do: 'advance' | 'stall' | 'wall';
  readonly ms: number;
}
interface Trouble {
  readonly do: 'weather' | 'fault';
  readonly at: number;
  readonly fault: Fault | undefined;
}
interface Latency {
  readonly do: 'latency';
  readonly at: number;
  readonly ms: number;
}
interface Restart {
  readonly do: 'restart';
  readonly at: number;
}
type Step = Deed | Move | Trouble | Latency | Restart;

const PROCESSES = 3;
const SERVERS = 3;
const HASH = 'ru:lock:{k}';
const MAX_LEASE_MS = 3_000;
/** Clocks are apart by less than the longest lease: else what a majority has forgotten one after another may come again. */
const MOST_WALL_MS = 1_000;

const at = fc.nat(SERVERS - 1);
const fault = fc.constantFrom<(Fault | undefined)[]>(
  'lose-request',
  'lose-reply',
  'cut-before',
  'cut-after',
  'refused',
  'zombie',
  undefined,
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: who('acquire', 'try', 'release', 'extend', 'verify', 'abort') },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 900 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('stall' as const), ms: fc.integer({ min: 1, max: 1500 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wall' as const), ms: fc.integer({ min: -900, max: 900 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('weather' as const, 'fault' as const), at, fault }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('latency' as const), at, ms: fc.integer({ min: 0, max: 200 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), at }) },
);

function who(...names: Deed['do'][]): fc.Arbitrary<Step> {
  return fc.record({ do: fc.constantFrom(...names), who: fc.nat(PROCESSES - 1) });
}

class Process {
  readonly #lock: DistributedLock;
  #stop = new AbortController();
  readonly guards: LockGuard[] = [];

  constructor(servers: Servers, granted: (guard: LockGuard) => void, renew: boolean) {
    const quorum = servers.quorum({ maxLease: MAX_LEASE_MS, serverTimeout: 150 });
    this.#lock = new DistributedLock(quorum, 'k', 1_000, { renew });
    this.#lock.on('acquired', (guard) => {
      this.guards.push(guard);
      granted(guard);
    });
  }

  perform(deed: Deed['do']): void {
    const options = { timeout: 2_000, signal: this.#stop.signal };
    if (deed === 'acquire') this.#lock.acquire(options).catch(() => {});
    else if (deed === 'try') this.#lock.tryAcquire(options).catch(() => {});
    else if (deed === 'abort') this.abort();
    else for (const guard of this.guards) void (async () => guard[deed]())().catch(() => {});
  }

  abort(): void {
    this.#stop.abort(new Error('aborted'));
    this.#stop = new AbortController();
  }

  get held(): LockGuard[] {
    return this.guards.filter(({ state }) => state === 'held' || state === 'suspect');
  }
}

class Scene {
  readonly servers = new Servers(SERVERS);
  readonly granted: LockGuard[] = [];
  readonly processes: readonly Process[];
  #wallMs = 0;

  constructor(renew: boolean) {
    const note = (guard: LockGuard): void => void this.granted.push(guard);
    this.processes = Array.from({ length: PROCESSES }, () => new Process(this.servers, note, renew));
  }

  async perform(action: Step): Promise<void> {
    const { clock } = this.servers;
    if ('who' in action) return (this.processes[action.who] as Process).perform(action.do);
    if (!('at' in action)) {
      if (action.do === 'advance') return clock.advance(action.ms);
      return action.do === 'stall' ? clock.stall(action.ms) : this.#jump(action.ms);
    }
    const server = this.servers.at(action.at);
    if (action.do === 'latency') server.latencyMs = action.ms;
    else if (action.do === 'restart') server.restart();
    else if (action.do === 'weather') server.weather = action.fault;
    else server.faults.push(action.fault);
  }

  #jump(byMs: number): void {
    const toMs = Math.max(-MOST_WALL_MS, Math.min(MOST_WALL_MS, this.#wallMs + byMs));
    this.servers.clock.jumpWall(toMs - this.#wallMs);
    this.#wallMs = toMs;
  }

  get held(): LockGuard[] {
    return this.processes.flatMap((process) => process.held);
  }
}

test(
  'at most one process says that it holds the lock, whatever the servers and the network do',
  { timeout: 60_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 50 }), fc.boolean(), async (actions, renew) => {
        const scene = new Scene(renew);
        for (const action of actions) {
          await scene.perform(action);
          await settle();
          expect(scene.held.length).toBeLessThanOrEqual(1);
        }
        const fences = scene.granted.map((guard) => guard.fence);
        expect(fences).toEqual([...new Set(fences)].toSorted((a, b) => (a < b ? -1 : 1)));
        for (const world of scene.servers.worlds) {
          world.faults.length = 0;
          world.weather = undefined;
        }
        for (const process of scene.processes) process.abort();
        await settle();
        for (const guard of scene.granted) void guard.release();
        await scene.servers.clock.advance(20_000);
        expect(scene.servers.clock.timers).toBe(0);
        expect(scene.held).toEqual([]);
        expect(scene.servers.owners(HASH).filter(Boolean)).toEqual([]);
      }),
      { numRuns: 250 },
    );
  },
);
