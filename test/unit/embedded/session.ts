import { ServerError } from '../../../src/core/errors.js';
import type { Connection, Reply } from '../../../src/client/driver.js';
import { request } from '../../../src/client/request.js';
import { EmbeddedDriver, EmbeddedRedis, VirtualClock } from '../../../src/embedded/index.js';
import { afterThisTest } from '../../support/cleanup.js';

/** An engine on a virtual clock with a connected driver, and commands written as one line. */
export async function start(): Promise<{
  clock: VirtualClock;
  redis: EmbeddedRedis;
  driver: EmbeddedDriver;
  /** Sends a command; an error reply comes back as its text. */
  run: (...words: (string | number | Buffer)[]) => Promise<Reply | string>;
  lua: (source: string, ...args: string[]) => Promise<Reply | string>;
  open: () => Promise<Connection>;
}> {
  const clock = new VirtualClock();
  const redis = new EmbeddedRedis({ clock });
  const driver = new EmbeddedDriver(redis);
  await driver.connect(undefined);
  afterThisTest(() => driver.destroy());
  const run = async (...words: (string | number | Buffer)[]): Promise<Reply | string> => {
    try {
      return await request(
        driver,
        words.map((word) => (typeof word === 'number' ? String(word) : word)),
      );
    } catch (error) {
      if (error instanceof ServerError) return error.message;
      throw error;
    }
  };
  const open = async (): Promise<Connection> => {
    const connection = await driver.open(undefined);
    afterThisTest(() => connection.destroy());
    return connection;
  };
  return { clock, redis, driver, run, lua: (source, ...args) => run('EVAL', source, 0, ...args), open };
}
