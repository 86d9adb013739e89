import { checkInteger, checkKnown, checkText } from '../../core/check.js';
import { toMs } from '../../core/duration.js';
import type { Runtime } from '../../core/runtime.js';
import type { Lease, LeaseOptions } from './lease.js';
import { TimeLimit } from '../../core/time-limit.js';
import { type ServerFacts, TransactionAttempt } from './transaction-attempt.js';
import type { Transaction, TransactionOptions, TransactionResult } from './transaction.js';

export interface Work<R> {
  readonly watch: readonly string[];
  readonly fn: (tx: Transaction) => R | Promise<R>;
}

export interface TransactionPorts extends Runtime {
  readonly server: ServerFacts;
  readonly lend: (options: LeaseOptions) => Promise<Lease>;
}

const DEFAULTS = { timeout: '10s', attempts: 10 } as const;
/** A conflict is over as soon as the other one has written: short pauses, but spread. */
const PAUSE = { baseMs: 4, maxMs: 250 };

/** Runs `fn` between `WATCH` and `EXEC`, again while somebody else changes what it watches. */
export async function runTransaction<R>(
  work: Work<R>,
  options: TransactionOptions,
  ports: TransactionPorts,
): Promise<TransactionResult<R>> {
  checkKnown('transaction', options, ['timeout', 'signal', 'attempts', 'reply', 'key']);
  const { watch } = work;
  watch.forEach((key, index) => checkText(`transaction.watch[${index}]`, key));
  const timeoutMs = toMs(options.timeout ?? DEFAULTS.timeout, 'transaction.timeout');
  const most = checkInteger('transaction.attempts', options.attempts ?? DEFAULTS.attempts, { min: 1, max: 1_000 });
  const limit = new TimeLimit('transaction', timeoutMs, { clock: ports.clock, signal: options.signal });
  try {
    const lease = await ports.lend({ signal: limit.signal, key: options.key ?? watch[0] });
    try {
      for (let number = 1; ; number += 1) {
        const { server } = ports;
        const attempt = new TransactionAttempt(lease, { number, limit, server, reply: options.reply ?? 'text' });
        const committed = await attempt.run(watch, work.fn);
        if (committed !== undefined) return { committed: true, attempts: number, ...committed };
        if (number === most) return { committed: false, attempts: number };
        const topMs = Math.min(PAUSE.maxMs, PAUSE.baseMs * 2 ** Math.min(number - 1, 20));
        await limit.pause(ports.random.uniform() * topMs);
      }
    } finally {
      lease.release();
    }
  } finally {
    limit.end();
  }
}
