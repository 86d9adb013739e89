import { checkFunction, checkKnown } from '../core/check.js';
import { type Duration, toMs } from '../core/duration.js';
import { LeakError } from './errors.js';
import { eventually } from './eventually.js';
import { TimerWatch } from './timer-watch.js';

export interface LeakOptions {
  /** Kinds of resources, as Node names them (`TCPServerWrap`, `Timeout`, …), that may come and go. Default: none. */
  readonly ignore?: readonly string[] | undefined;
  /** How long what is on its way out may take. Default: 2 seconds. */
  readonly within?: Duration | undefined;
}

/** The two hooks that every test runner has. */
export interface RunnerHooks {
  readonly beforeEach: (hook: () => void) => unknown;
  readonly afterEach: (hook: () => Promise<void>) => unknown;
}

/** What a test runner's own traffic with its parent, and work on files, come and go with. */
const OF_THE_RUNNER = ['FSReqPromise', 'FSReqCallback', 'PipeWrap', 'TTYWrap', 'MessagePort', 'Immediate'];

/** What keeps this process alive, to compare with later: see `watchLeaks`. */
export class LeakWatch {
  readonly #before = countResources();
  readonly #timers = new TimerWatch();
  readonly #ignored: ReadonlySet<string>;
  readonly #withinMs: number;
  readonly #rejections: unknown[] = [];
  readonly #onRejection = (reason: unknown): void => void this.#rejections.push(reason);

  /** @internal */
  constructor({ ignore, withinMs }: { ignore: readonly string[]; withinMs: number }) {
    this.#ignored = new Set([...OF_THE_RUNNER, ...ignore]);
    this.#withinMs = withinMs;
    process.on('unhandledRejection', this.#onRejection);
  }

  /**
   * Waits until nothing is left that was not there before, and ends the watch. Call it once, after all clean-up.
   * @throws LeakError that names what is left behind and where timers were made, or the rejections that nobody handled
   */
  async check(): Promise<void> {
    try {
      await eventually(() => this.#expectNothingNew(), { within: this.#withinMs });
    } finally {
      this.#timers.stop();
      process.off('unhandledRejection', this.#onRejection);
    }
    if (this.#rejections.length === 0) return;
    throw new LeakError(`Unhandled rejections: ${this.#rejections.map(String).join('; ')}`);
  }

  async #expectNothingNew(): Promise<void> {
    // Node tells of ended timers and of rejections once the code that made them has given way
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    const more = [...countResources()].filter(([kind, count]) => count > (this.#before.get(kind) ?? 0));
    const left = more.filter(([kind]) => !this.#ignored.has(kind)).map(([kind, count]) => `${count} ${kind}`);
    if (!this.#ignored.has('Timeout')) left.push(...this.#timers.places.map((place) => `a timer made ${place}`));
    if (left.length > 0) throw new LeakError(`Left behind: ${left.join(', ')}`);
  }
}

/**
 * Begins to watch for what a piece of code leaves behind: timers, sockets, servers, child processes, and rejections
 * that nobody handles. What is unref'd does not count, for it holds nobody up.
 * It slows promises down a little (async hooks), so measure nothing meanwhile.
 *
 * ```ts
 * const leaks = watchLeaks();
 * await useAndClose();
 * await leaks.check();
 * ```
 */
export function watchLeaks(options: LeakOptions = {}): LeakWatch {
  checkKnown('leaks', options, ['ignore', 'within']);
  const withinMs = toMs(options.within ?? '2s', 'leaks.within', { min: 0 });
  return new LeakWatch({ ignore: options.ignore ?? [], withinMs });
}

/**
 * Makes every test of a file fail that leaves something behind, in any runner with `beforeEach` and `afterEach`
 * (Vitest, Jest, Mocha, node:test). Call it before you register other hooks of the kind, if your runner runs
 * `afterEach` hooks last one first, as Vitest does; after, where it runs them in order.
 *
 * ```ts
 * import { afterEach, beforeEach } from 'node:test';
 * noLeaks({ beforeEach, afterEach });
 * ```
 */
export function noLeaks(hooks: RunnerHooks, options: LeakOptions = {}): void {
  checkFunction('hooks.beforeEach', hooks.beforeEach);
  checkFunction('hooks.afterEach', hooks.afterEach);
  let watch: LeakWatch | undefined;
  hooks.beforeEach(() => {
    watch = watchLeaks(options);
  });
  hooks.afterEach(async () => {
    await watch?.check();
  });
}

/** What keeps this process alive, by kind, but for timers. */
function countResources(): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) {
    if (kind !== 'Timeout') counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}
