import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InstalledPackage, subPaths } from './installed.js';

let project: InstalledPackage;

beforeAll(() => {
  project = new InstalledPackage();
});

afterAll(() => project.remove());

/** Prints each module that is loaded, from the thread in which Node runs such hooks. */
const HOOKS = `
import { writeSync } from 'node:fs';
export async function load(url, context, next) {
  writeSync(1, url + '\\n');
  return next(url, context);
}`;
const REGISTER = `
import { register } from 'node:module';
register('./hooks.mjs', import.meta.url);`;

/** The files that importing a sub-path loads, other than Node's own. */
function loadedBy(subPath: string): string[] {
  project.write('hooks.mjs', HOOKS);
  project.write('register.mjs', REGISTER);
  project.write('load.mjs', `await import('${subPath}');`);
  const printed = project.node(['--import', './register.mjs', './load.mjs']);
  return printed.split('\n').filter((url) => url.includes('/node_modules/'));
}

describe('the tarball', () => {
  test('holds what was built and what a user reads, and nothing else', () => {
    const unexpected = project.files.filter(
      (file) =>
        !/^dist\/.*\.(js|d\.ts)$|^docs\/.*\.(md|svg|html)$|^(README|CHANGELOG|LICENSE)(\.md)?$|^package\.json$/.test(
          file,
        ),
    );
    expect(unexpected).toEqual([]);
    expect(project.files).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'CHANGELOG.md', 'dist/index.d.ts']));
  });

  test('stays small', () => {
    expect(project.sizeBytes).toBeLessThan(800_000);
  });
});

describe('installed into an empty project', () => {
  test.each(subPaths())('%s is imported', (subPath) => {
    project.write('import.mjs', `const all = await import('${subPath}'); console.log(Object.keys(all).length > 0);`);
    expect(project.node(['import.mjs']).trim()).toBe('true');
  });

  test.each(subPaths())('%s is required, so nothing in it awaits at the top level', (subPath) => {
    project.write('require.cjs', `console.log(Object.keys(require('${subPath}')).length > 0);`);
    expect(project.node(['require.cjs']).trim()).toBe('true');
  });

  test('no client of another package is installed with it, and none is needed to name one or to be refused', () => {
    const program = `
      import { existsSync } from 'node:fs';
      import { RedisManager } from 'redis-utils';
      import { nodeRedis } from 'redis-utils/node-redis';
      import { ioredis } from 'redis-utils/ioredis';
      const there = ['@redis/client', 'redis', 'ioredis', 'iovalkey'].filter((name) => existsSync('node_modules/' + name));
      const refused = await RedisManager.wrap({}).catch((error) => error.code);
      console.log(JSON.stringify([there, refused, typeof nodeRedis, typeof ioredis]));`;
    project.write('peers.mjs', program);
    expect(JSON.parse(project.node(['peers.mjs']))).toEqual([[], 'RU_CONFIG', 'function', 'function']);
  });

  test.each(['redis-utils', 'redis-utils/client'])('%s loads no file for a client of another package', (subPath) => {
    expect(loadedBy(subPath).filter((url) => url.includes('/wrapped/'))).toEqual([]);
  });

  test('import and require give the same classes', () => {
    const program = `
      const required = require('redis-utils');
      import('redis-utils/lock').then((imported) => console.log(imported.DistributedLock === required.DistributedLock));`;
    project.write('same.cjs', program);
    expect(project.node(['same.cjs']).trim()).toBe('true');
  });

  test.each([
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ])('types resolve with module %s and %s resolution', (module, moduleResolution) => {
    const imports = subPaths().map((subPath, n) => `import * as part${n} from '${subPath}';`);
    const program = `
      ${imports.join('\n')}
      import { CacheManager, type RedisManager } from 'redis-utils';
      export const parts = [${subPaths()
        .map((_, n) => `part${n}`)
        .join(', ')}];
      export async function read(manager: RedisManager): Promise<number | undefined> {
        return new CacheManager(manager, '5m').get<number>('n');
      }
      // @ts-expect-error a duration has a unit that exists
      export const wrong = (manager: RedisManager) => new CacheManager(manager, '5 weeks');`;
    project.write('consumer.mts', program);
    const strict = ['--strict', '--noEmit', '--skipLibCheck', 'false', '--exactOptionalPropertyTypes'];
    const language = ['--target', 'es2023', '--lib', 'es2023,esnext.disposable', '--types', 'node'];
    const how = ['--module', module, '--moduleResolution', moduleResolution];
    expect(project.compile([...strict, ...language, ...how, 'consumer.mts'])).toBe('');
  });
});

describe('what is loaded', () => {
  test.each(['redis-utils/lock', 'redis-utils/rate-limit'])('%s loads no serializer and no client', (subPath) => {
    const loaded = loadedBy(subPath);
    expect(loaded.some((url) => url.includes('/redis-utils/dist/'))).toBe(true);
    expect(loaded.filter((url) => /\/(msgpackr|@redis\/client|redis-utils\/dist\/codec)\//.test(url))).toEqual([]);
  });

  test.each(subPaths().filter((subPath) => !['redis-utils/embedded', 'redis-utils/testing'].includes(subPath)))(
    '%s does not load the embedded engine',
    (subPath) => {
      expect(loadedBy(subPath).filter((url) => url.includes('/dist/embedded/'))).toEqual([]);
    },
  );

  test.each(['cache', 'lock', 'pubsub', 'rate-limit', 'session'])('redis-utils/%s loads no other module', (name) => {
    const others = ['cache', 'lock', 'pubsub', 'rate-limit', 'session'].filter((other) => other !== name);
    const foreign = loadedBy(`redis-utils/${name}`).filter((url) =>
      others.some((other) => url.includes(`/dist/${other}/`)),
    );
    expect(foreign).toEqual([]);
  });
});
