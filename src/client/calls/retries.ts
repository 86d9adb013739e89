import type { Timer } from '../../core/clock.js';
import { ConnectionError, ServerError } from '../../core/errors.js';
import type { Runtime } from '../../core/runtime.js';
import type { Call } from './call.js';
import { isReadOnly, isScript } from './command-facts.js';
import type { Settings } from '../config/settings.js';

/** Refusals that ask for another attempt: of a server in good health, whose slots are on the move. */
const INVITING: ReadonlySet<string> = new Set(['TRYAGAIN', 'MOVED', 'ASK']);
/** Refusals that say that the command was not run, and that it may be soon. */
const NOT_RUN: ReadonlySet<string> = new Set(['LOADING', 'MASTERDOWN', 'CLUSTERDOWN', 'READONLY', ...INVITING]);

/** Retries that are free, and how many may be saved up. */
const SAVED = { first: 10, most: 100 };

interface Planned {
  readonly timer: Timer;
  readonly run: () => void;
}

/**
 * Which failed commands are sent again, and when.
 *
 * A command that may have run is sent again only when running it twice does no harm: it reads, or was declared
 * idempotent. One that was certainly not run, by the server's own word, is sent again whatever it is; except that a
 * script's `READONLY` may come from its middle.
 *
 * Waits are random between 0 and a limit that doubles ("full jitter"), and never reach beyond the call's deadline. All
 * retries together are a share of the traffic, so that a struggling server is not given more work because it struggles;
 * those that a server in good health asks for, while a slot moves, are not counted.
 *
 * Sources: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ and the retry budgets of
 * https://finagle.github.io/blog/2016/02/08/retry-budgets/
 */
export class Retries {
  readonly #limits: NonNullable<Settings['retry']>;
  readonly #runtime: Runtime;
  readonly #planned = new Set<Planned>();
  #saved = SAVED.first;

  constructor(limits: NonNullable<Settings['retry']>, runtime: Runtime) {
    this.#limits = limits;
    this.#runtime = runtime;
  }

  /** A call began: a part of a retry is earned. */
  earn(): void {
    if (this.#saved < SAVED.most) this.#saved += this.#limits.budget;
  }

  /** Plans another attempt; false when there is to be none. */
  plan(call: Call, error: Error, tryAgain: () => void): boolean {
    const isInvited = error instanceof ServerError && INVITING.has(error.replyCode);
    if ((this.#saved < 1 && !isInvited) || !mayRunAgain(call, error)) return false;
    const { clock, random } = this.#runtime;
    const { minDelayMs, maxDelayMs } = this.#limits;
    const delayMs = random.uniform() * Math.min(maxDelayMs, minDelayMs * 2 ** Math.min(call.failures, 20));
    if (clock.monotonicMs() + delayMs >= call.dueMs) return false;
    if (!isInvited) this.#saved -= 1;
    call.failures += 1;
    if (error instanceof ConnectionError && error.outcome === 'unknown') call.doubt = error;
    const run = (): void => {
      this.#planned.delete(planned);
      tryAgain();
    };
    const planned: Planned = { timer: clock.timer(delayMs, run), run };
    this.#planned.add(planned);
    return true;
  }

  /** Waits no longer: what is planned is tried now, and so meets the end of its connection. */
  stop(): void {
    for (const { timer, run } of this.#planned) {
      timer.cancel();
      run();
    }
  }
}

function mayRunAgain(call: Call, error: Error): boolean {
  if (call.wait.timeoutMs === undefined) return false;
  const harmless = call.wait.idempotent || isReadOnly(call.command);
  if (error instanceof ServerError) {
    if (!NOT_RUN.has(error.replyCode)) return false;
    return harmless || error.replyCode !== 'READONLY' || !isScript(call.command);
  }
  return error instanceof ConnectionError && error.outcome === 'unknown' && harmless;
}
