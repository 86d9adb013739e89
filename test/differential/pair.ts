import { ServerError } from '../../src/core/errors.js';
import { systemClock } from '../../src/core/clock.js';
import { systemRandom } from '../../src/core/random.js';
import { RedisConfig } from '../../src/client/config/config.js';
import type { Driver, Reply } from '../../src/client/driver.js';
import { openDriver } from '../../src/client/drivers/open-driver.js';
import { request } from '../../src/client/request.js';
import { EmbeddedDriver, EmbeddedRedis } from '../../src/embedded/index.js';
import { afterThisFile } from '../support/cleanup.js';
import { url } from '../support/target.js';
import { KNOWN_DIFFERENCES } from './known-differences.js';

/** The engine and a real server, which are sent the same commands through the same port. */
export interface Pair {
  readonly engine: Driver;
  readonly server: Driver;
}

let pair: Promise<Pair> | undefined;

export function openPair(): Promise<Pair> {
  pair ??= connectBoth();
  return pair;
}

async function connectBoth(): Promise<Pair> {
  const engine = new EmbeddedDriver(new EmbeddedRedis());
  const server = await openDriver(RedisConfig.fromUrl(await url()), { clock: systemClock, random: systemRandom });
  await Promise.all([engine.connect(undefined), server.connect(undefined)]);
  afterThisFile(() => {
    engine.destroy();
    server.destroy();
  });
  return { engine, server };
}

/** A reply in the form in which it is compared: errors by their first word. */
export type Plain = null | boolean | number | string | Plain[] | { [key: string]: Plain };

function plain(reply: Reply): Plain {
  if (typeof reply === 'string' || typeof reply === 'number') {
    return KNOWN_DIFFERENCES.reduce<string | number>((value, { level }) => level(value), reply);
  }
  if (reply === null || typeof reply === 'boolean') return reply;
  if (typeof reply === 'bigint') return String(reply);
  if (reply instanceof Error) return { error: reply instanceof ServerError ? reply.replyCode : String(reply) };
  if (Buffer.isBuffer(reply)) return plain(`bytes:${reply.toString('latin1')}`);
  if (Array.isArray(reply)) return reply.map((item: Reply) => plain(item));
  return Object.fromEntries(Object.entries(reply).map(([key, value]) => [key, plain(value)]));
}

/** Sends the commands in one go and gives every answer. */
export async function ask(
  driver: Pick<Driver, 'send'>,
  commands: readonly (readonly (string | Buffer)[])[],
  mode: 'text' | 'bytes' = 'text',
): Promise<Plain[]> {
  const answers = await Promise.allSettled(commands.map((command) => request(driver, command, mode)));
  return answers.map((answer) => plain(answer.status === 'fulfilled' ? answer.value : (answer.reason as Error)));
}

/** How much to run: `DIFFERENTIAL_RUNS=20` runs twenty times the usual number. */
export function runs(usual: number): number {
  return usual * Number(process.env['DIFFERENTIAL_RUNS'] ?? '1');
}
