import { randomBytes } from 'node:crypto';
import { inject } from 'vitest';
import type { RedisOptions } from '../../src/client/redis-options.js';
import { RedisManager } from '../../src/client/manager.js';
import { afterThisFile, afterThisTest } from './cleanup.js';
import { RedisServer } from './redis-server.js';
import type { RawArg, RespValue } from '../../src/testing/resp.js';
import { findServer } from '../../src/testing/server-binary.js';

/**
 * What a test file runs against: the embedded engine, one real server or a cluster, as the vitest project says by
 * TEST_TARGET. Each file gets a server, or an embedded database, of its own, started when it is first asked for; the
 * cluster serves all files of its project.
 */

const id = process.env['TEST_TARGET'] ?? 'embedded';

/** The kind of target; `version` is what the server says it is, such as `valkey 8.1.1`. */
export const target = {
  id,
  embedded: id === 'embedded',
  cluster: id === 'cluster',
  version: id === 'embedded' || id === 'cluster' ? id : findServer(id).version,
} as const;

let shared: Promise<RedisServer> | undefined;
let plain: Promise<RedisManager> | undefined;
const memoryUrl = `memory://test-${randomBytes(8).toString('hex')}`;

/** The real server of this file. Fails on the embedded engine, which has no server. */
export async function server(): Promise<RedisServer> {
  if (target.embedded || target.cluster) throw new Error(`The ${id} target is not one server`);
  shared ??= RedisServer.start({ version: id, stoppedBy: 'caller' }).then((started) => {
    afterThisFile(() => started.stop());
    return started;
  });
  return shared;
}

/** Where this file's target is, as a URL for `RedisManager.connect`. */
export async function url(): Promise<string> {
  if (target.cluster) return inject('clusterUrl');
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

/** One plain command, reply as text. A real server is asked past the library, a cluster through it. */
export async function raw(args: readonly RawArg[]): Promise<RespValue> {
  if (!target.embedded && !target.cluster) return (await server()).command(args);
  return (await rawManager()).command<RespValue>(args);
}

/** One plain command, strings of the reply as bytes. */
export async function rawBytes(args: readonly RawArg[]): Promise<RespValue> {
  if (!target.embedded && !target.cluster) return (await server()).command(args, { reply: 'bytes' });
  return (await rawManager()).command<RespValue>(args, { reply: 'bytes' });
}

async function closeNow(manager: RedisManager): Promise<void> {
  await manager.close({ drain: 1000 });
}
