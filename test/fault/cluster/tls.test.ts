import { describe, expect, test } from 'vitest';
import { RedisManager } from '../../../src/client/manager.js';
import { noLeaks } from '../../support/no-leaks.js';
import { certificates } from '../../support/tls.js';
import { connect, startCluster } from './start-cluster.js';

noLeaks();

/** Nodes that are called by their name, as a certificate by name asks for. */
const BY_NAME = ['--cluster-announce-hostname', 'localhost', '--cluster-preferred-endpoint-type', 'hostname'];
const cluster = startCluster({ replicas: 0, tls: true, args: BY_NAME });
const tls = { ca: certificates().ca.cert };

/** Reaches each primary, on shared and on dedicated connections. */
async function reachesAll(manager: RedisManager): Promise<void> {
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) {
    await manager.command(['SET', name, name]);
    await using lease = await manager.lease({ key: name });
    expect(await lease.command(['GET', name])).toBe(name);
  }
}

test('each node of a cluster is verified by the name that it is announced with', async () => {
  const [node] = cluster().nodes;
  const manager = await connect(`rediss-cluster://localhost:${node?.port}`, { tls });
  await reachesAll(manager);
  const moved = await cluster().nodeOf('a');
  const error = await (await connect(cluster().url, { tls })).lease({ key: 'b' }).then(async (lease) => {
    const refusal = await lease.command(['GET', 'a']).catch((reason: unknown) => reason);
    lease.release();
    return refusal;
  });
  expect(String(error)).toContain(`MOVED 15495 localhost:${moved.port}`);
});

describe('nodes that are called by their address', () => {
  const { ca, ...rest } = certificates();
  const byAddress = startCluster({
    replicas: 0,
    tls: { certificates: { ca, ...rest, server: rest.nameOnly } },
    args: ['--cluster-announce-hostname', 'localhost'],
  });

  test('are verified by the name that they go by, and greeted by it', async () => {
    const [node] = byAddress().nodes;
    const manager = await connect(`rediss-cluster://localhost:${node?.port}`, { tls });
    await reachesAll(manager);
    expect(manager.nodes().map(({ endpoint }) => new URL(endpoint).hostname)).toEqual(
      Array.from({ length: 3 }, () => '127.0.0.1'),
    );
  });
});

test('a name that the certificates do not carry is refused at once, for every node', async () => {
  const refused = RedisManager.connect({ url: cluster().url, tls: { ...tls, servername: 'elsewhere.test' } });
  await expect(refused).rejects.toMatchObject({ code: 'RU_CONNECTION', reason: 'tls', outcome: 'not-sent' });
});

test('an authority that is not trusted is refused at once', async () => {
  const sinceMs = performance.now();
  const refused = RedisManager.connect({ url: cluster().url, tls: { ca: certificates().strangerCa.cert } });
  await expect(refused).rejects.toMatchObject({ code: 'RU_CONNECTION', reason: 'tls' });
  expect(performance.now() - sinceMs).toBeLessThan(1_000);
});

test('plain text to the port of a TLS cluster is refused at once', async () => {
  const [node] = cluster().nodes;
  const refused = RedisManager.connect(`redis-cluster://localhost:${node?.port}`);
  await expect(refused).rejects.toMatchObject({ code: 'RU_CONNECTION', reason: 'protocol' });
});
