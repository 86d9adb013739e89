import { randomBytes } from 'node:crypto';
import { beforeAll, inject } from 'vitest';
import type { RedisOptions } from '../../src/client/config/redis-options.js';
import { RedisManager } from '../../src/client/manager.js';
import { afterThisFile, afterThisTest } from './cleanup.js';
import { RedisServer } from './redis-server.js';
import type { RawArg, RespValue } from '../../src/testing/resp.js';
import { RespConnection } from '../../src/testing/resp-connection.js';
import { findServer } from '../../src/testing/server-binary.js';

/**
 * What a test file runs against: the embedded engine, one real server, a cluster, or a primary that sentinels watch, as
 * the vitest project says by TEST_TARGET. Each file gets a server, or an embedded database, of its own, started when it
 * is first asked for; the cluster, or the group with its sentinels, serves all files of its project.
 */

const id = process.env['TEST_TARGET'] ?? 'embedded';

const isTopology = id === 'cluster' || id === 'sentinel';

/** The kind of target; `version` is what the server says it is, such as `valkey 8.1.1`. */
export const target = {
  id,
  embedded: id === 'embedded',
  cluster: id === 'cluster',
  /** One server, which can be asked past the library. */
  single: id !== 'embedded' && !isTopology,
  version: id === 'embedded' || isTopology ? id : findServer(id).version,
} as const;

let shared: Promise<RedisServer> | undefined;
let plain: Promise<RedisManager> | undefined;
const memoryUrl = `memory://test-${randomBytes(8).toString('hex')}`;

/** The real server of this file. Fails on targets that are not one server. */
export async function server(): Promise<RedisServer> {
  if (!target.single) throw new Error(`The ${id} target is not one server`);
  shared ??= RedisServer.start({ version: id, stoppedBy: 'caller' }).then((started) => {
    afterThisFile(() => started.stop());
    return started;
  });
  return shared;
}

/** Where this file's target is, as a URL for `RedisManager.connect`. */
export async function url(): Promise<string> {
  if (isTopology) return inject('topologyUrl');
  return target.embedded ? memoryUrl : (await server()).url;
}

/** A prefix that no other test uses. */
export function uniquePrefix(): string {
  return `t${randomBytes(6).toString('hex')}`;
}

/** A manager on the target, with a prefix of its own unless one is given; closed when the test has finished. */
export async function connect(options: RedisOptions = {}): Promise<RedisManager> {
  const manager = await RedisManager.connect({ url: await url(), prefix: uniquePrefix(), ...options });
  afterThisTest(() => closeNow(manager));
  return manager;
}

/** One manager for the whole file, for looking at the target through plain commands. */
export async function rawManager(): Promise<RedisManager> {
  plain ??= url()
    .then((address) => RedisManager.connect({ url: address }))
    .then((manager) => {
      afterThisFile(() => closeNow(manager));
      return manager;
    });
  return plain;
}

/** One plain command, reply as text. One real server is asked past the library, all else through it. */
export async function raw(args: readonly RawArg[]): Promise<RespValue> {
  if (target.single) return (await server()).command(args);
  return (await rawManager()).command<RespValue>(args);
}

/** One plain command, strings of the reply as bytes. */
export async function rawBytes(args: readonly RawArg[]): Promise<RespValue> {
  if (target.single) return (await server()).command(args, { reply: 'bytes' });
  return (await rawManager()).command<RespValue>(args, { reply: 'bytes' });
}

/** Sends plain commands to one server, past the library; strings of replies are bytes. */
export type Ask = (args: readonly RawArg[]) => Promise<RespValue>;

/** Does the same at every server of the target that takes writes, and gives what each came to. */
export async function onEachNode<T>(look: (ask: Ask) => Promise<T>): Promise<readonly T[]> {
  if (!target.cluster) return [await look(rawBytes)];
  const addresses = [...inject('topologyUrl').matchAll(/([\d.]+):(\d+)/g)];
  return Promise.all(
    addresses.map(async ([, host, port]) => {
      const connection = await RespConnection.connect({ host: String(host), port: Number(port) });
      try {
        return await look((args) => connection.send(args));
      } finally {
        connection.close();
      }
    }),
  );
}

/** One plain command at every server of the target: the answer of each, strings as bytes. */
export function rawOnEachNode(args: readonly RawArg[]): Promise<readonly RespValue[]> {
  return onEachNode((ask) => ask(args));
}

// before the first test, or its connections would be something that this test leaves behind
if (isTopology) beforeAll(async () => void (await rawManager()));

async function closeNow(manager: RedisManager): Promise<void> {
  await manager.close({ drain: 1000 });
}
