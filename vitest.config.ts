import { join } from 'node:path';
import { defineConfig, type TestProjectConfiguration } from 'vitest/config';
import { availableServers } from './test/support/servers.js';

/**
 * One project per kind of test and target, so that `vitest run --project integration:redis-7.0` is one thing to say.
 * A kind that needs a real server has no project while there is none; `npm test` fetches them first.
 */

const servers = availableServers().map(({ id }) => id);
const targets = ['embedded', ...servers];
const firstServer = servers[0] ?? 'embedded';

interface Kind {
  readonly include: readonly string[];
  readonly target?: string;
  readonly timeoutMs?: number;
}

/** Tests of examples import the package by name and get the source; `docs` and `package` get what was built. */
const packageAsSource = [
  { find: /^redis-utils$/, replacement: join(import.meta.dirname, 'src/index.ts') },
  { find: /^redis-utils\/(.+)$/, replacement: join(import.meta.dirname, 'src/$1/index.ts') },
];

function project(name: string, { include, target = 'embedded', timeoutMs = 10_000 }: Kind): TestProjectConfiguration {
  return {
    resolve: { alias: packageAsSource },
    test: {
      name,
      include: [...include],
      env: { TEST_TARGET: target },
      pool: 'forks',
      testTimeout: timeoutMs,
      hookTimeout: timeoutMs,
    },
  };
}

function perTarget(kind: string, ids: readonly string[], timeoutMs: number): TestProjectConfiguration[] {
  return ids.map((id) => project(`${kind}:${id}`, { include: [`test/${kind}/**/*.test.ts`], target: id, timeoutMs }));
}

/** The same on several servers together, which take some seconds to start and are shared by the files. */
function perTopology(kind: string, ids: readonly string[], timeoutMs: number): TestProjectConfiguration[] {
  return perTarget(kind, servers.length === 0 ? [] : ids, timeoutMs).map((config) => {
    const { test, ...rest } = config as { test: object };
    return { ...rest, test: { ...test, globalSetup: ['test/support/topology-setup.ts'] } };
  });
}

export default defineConfig({
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    maxWorkers: 2,
    projects: [
      project('unit', { include: ['test/unit/**/*.test.ts', 'test/property/**/*.test.ts'] }),
      project('types', { include: ['test/types/**/*.test.ts'] }),
      project('kit', { include: ['test/kit/**/*.test.ts'], target: firstServer, timeoutMs: 20_000 }),
      ...perTarget('conformance', targets, 15_000),
      project('clients', { include: ['test/clients/**/*.test.ts'], target: firstServer, timeoutMs: 15_000 }),
      ...perTarget('integration', targets, 15_000),
      ...perTopology('conformance', ['cluster', 'sentinel'], 20_000),
      ...perTopology('integration', ['cluster', 'sentinel'], 20_000),
      ...perTarget('differential', servers, 60_000),
      ...perTarget('fault', servers, 30_000),
      project('soak', { include: ['test/soak/**/*.test.ts'], target: firstServer, timeoutMs: 120_000 }),
      project('examples', { include: ['examples/*/test/**/*.test.ts'], target: firstServer, timeoutMs: 30_000 }),
      project('docs', { include: ['test/docs/**/*.test.ts'], target: firstServer, timeoutMs: 60_000 }),
      project('package', { include: ['test/package/**/*.test.ts'], timeoutMs: 120_000 }),
    ],
  },
});
