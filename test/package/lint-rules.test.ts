import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

/**
 * The linter keeps the structure, so each of its rules has a sample that breaks it: a copy of the configuration judges
 * a small tree of bad files, one complaint per file being the one that is meant.
 */

interface Sample {
  readonly file: string;
  readonly rule: string;
  readonly code: string;
}

interface Diagnostic {
  readonly filename: string;
  readonly code: string;
}

const root = resolve(import.meta.dirname, '../..');
const MODULES = ['cache', 'lock', 'pubsub', 'rate-limit', 'session'];

const lines = (count: number, line: (n: number) => string): string =>
  Array.from({ length: count }, (_, n) => line(n)).join('\n');
const value = (n: number): string => `export const v${n} = ${n};`;

function importing(file: string, specifier: string): Sample {
  return { file, rule: 'no-restricted-imports', code: `import { x } from '${specifier}';\nexport const y = x;\n` };
}

const structure: Sample[] = [
  ...['codec', 'client', 'embedded', ...MODULES].map((layer) =>
    importing(`src/core/to-${layer}.ts`, `../${layer}/index.js`),
  ),
  ...['client', 'embedded', ...MODULES].map((layer) => importing(`src/codec/to-${layer}.ts`, `../${layer}/index.js`)),
  ...['codec', 'embedded', ...MODULES].map((layer) => importing(`src/client/to-${layer}.ts`, `../${layer}/index.js`)),
  ...['codec', ...MODULES].map((layer) => importing(`src/embedded/to-${layer}.ts`, `../${layer}/index.js`)),
  ...MODULES.flatMap((from) =>
    MODULES.filter((to) => to !== from).map((to) => importing(`src/${from}/to-${to}.ts`, `../${to}/index.js`)),
  ),
  ...MODULES.map((from) => importing(`src/${from}/to-embedded.ts`, '../embedded/index.js')),
  ...MODULES.map((from) => importing(`src/${from}/to-driver.ts`, '../client/drivers/node-redis/standalone.js')),
  ...['lock', 'rate-limit'].map((from) => importing(`src/${from}/to-codec.ts`, '../codec/index.js')),
  ...['core', 'codec', 'client', 'client/drivers', 'embedded', ...MODULES].flatMap((from) =>
    ['@redis/client', 'ioredis', 'iovalkey'].map((client) =>
      importing(`src/${from}/to-${client.replace(/\W/g, '-')}.ts`, client),
    ),
  ),
  ...['core', 'client', 'embedded', ...MODULES].map((from) => importing(`src/${from}/to-msgpackr.ts`, 'msgpackr')),
  ...['core', 'codec', 'client', 'client/drivers', 'embedded', ...MODULES].map((from) =>
    importing(`src/${from}/to-testing.ts`, `${from.includes('/') ? '../../' : '../'}testing/index.js`),
  ),
  ...['codec', 'client', ...MODULES].map((to) => importing(`src/testing/to-${to}.ts`, `../${to}/index.js`)),
  ...['vitest', 'node:test', 'ioredis'].map((to) => importing(`src/testing/to-${to.replace(':', '-')}.ts`, to)),
  importing('src/codec/envelope.ts', 'msgpackr'),
  importing('src/lock/nested/deep.ts', '../../cache/cache.js'),
  importing('src/core/own-timers.ts', 'node:timers/promises'),
  importing('src/core/by-name.ts', 'redis-utils'),
];

const rules: Sample[] = [
  { file: 'src/core/date.ts', rule: 'no-restricted-globals', code: 'export const now = (): Date => new Date();' },
  {
    file: 'src/lock/timer.ts',
    rule: 'no-restricted-globals',
    code: 'export const later = (f: () => void) => setTimeout(f, 1);',
  },
  {
    file: 'src/lock/tick.ts',
    rule: 'no-restricted-globals',
    code: 'export const often = (f: () => void) => setInterval(f, 1);',
  },
  { file: 'src/cache/perf.ts', rule: 'no-restricted-globals', code: 'export const now = () => performance.now();' },
  { file: 'src/codec/now.ts', rule: 'no-restricted-properties', code: 'export const now = () => Date.now();' },
  { file: 'src/cache/random.ts', rule: 'no-restricted-properties', code: 'export const r = () => Math.random();' },
  { file: 'src/client/env.ts', rule: 'no-restricted-properties', code: "export const u = () => process.env['U'];" },
  { file: 'src/testing/env.ts', rule: 'no-restricted-properties', code: "export const u = () => process.env['U'];" },
  { file: 'src/testing/date.ts', rule: 'no-restricted-globals', code: 'export const now = (): Date => new Date();' },
  { file: 'src/client/log.ts', rule: 'no-console', code: "export const log = () => console.log('x');" },
  {
    file: 'src/core/cycle-a.ts',
    rule: 'no-cycle',
    code: "import type { B } from './cycle-b.js';\nexport type A = B | 1;",
  },
  {
    file: 'src/core/cycle-b.ts',
    rule: 'no-cycle',
    code: "import type { A } from './cycle-a.js';\nexport type B = A | 2;",
  },
  { file: 'src/core/long-file.ts', rule: 'max-lines', code: lines(401, value) },
  {
    file: 'src/core/long-function.ts',
    rule: 'max-lines-per-function',
    code: `export function f() {\n${lines(70, (n) => `  f.call(${n});`)}\n}`,
  },
  {
    file: 'src/core/params.ts',
    rule: 'max-params',
    code: 'export function f(a: 1, b: 2, c: 3, d: 4) { return [a, b, c, d]; }',
  },
  {
    file: 'src/core/constructor-params.ts',
    rule: 'max-params',
    code: 'export class C { all: unknown; constructor(a: 1, b: 2, c: 3, d: 4) { this.all = [a, b, c, d]; } }',
  },
  {
    file: 'src/core/imports.ts',
    rule: 'max-dependencies',
    code: `${lines(13, (n) => `import { v${n} } from './some-${n}.js';`)}\nexport const all = [${lines(13, (n) => `v${n},`)}];`,
  },
  { file: 'src/core/by-default.ts', rule: 'no-default-export', code: 'const x = 1;\nexport default x;' },
  { file: 'src/core/CamelCase.ts', rule: 'filename-case', code: 'export const x = 1;' },
  { file: 'src/core/any.ts', rule: 'no-explicit-any', code: 'export const x = (y: any): unknown => y;' },
  {
    file: 'src/core/assert.ts',
    rule: 'no-non-null-assertion',
    code: 'export const x = (y: { z?: number }): number => y.z!;',
  },
  {
    file: 'src/core/type-import.ts',
    rule: 'consistent-type-imports',
    code: "import { Stats } from 'node:fs';\nexport const size = (s: Stats): number => s.size;",
  },
];

const typeAware: Sample[] = [
  {
    file: 'src/core/floating.ts',
    rule: 'no-floating-promises',
    code: 'export function f(p: () => Promise<void>): void {\n  p();\n}',
  },
  {
    file: 'src/core/misused.ts',
    rule: 'no-misused-promises',
    code: 'export function f(each: (fn: () => void) => void, p: () => Promise<void>): void {\n  each(async () => { await p(); });\n}',
  },
  { file: 'src/core/throws.ts', rule: 'only-throw-error', code: "export function f(): void {\n  throw 'text';\n}" },
  {
    file: 'src/core/exhaustive.ts',
    rule: 'switch-exhaustiveness-check',
    code: "export function f(k: 'a' | 'b'): void {\n  switch (k) {\n    case 'a':\n      f('b');\n  }\n}",
  },
  {
    file: 'src/core/returns.ts',
    rule: 'return-await',
    code: 'export async function f(p: Promise<1>): Promise<1 | undefined> {\n  try {\n    return p;\n  } catch {\n    return undefined;\n  }\n}',
  },
];

const allowed: Omit<Sample, 'rule'>[] = [
  { file: 'src/core/clock.ts', code: 'export const now = () => [Date.now(), performance.now()];' },
  { file: 'src/core/random.ts', code: 'export const uniform = () => Math.random();' },
  { file: 'src/client/config/env.ts', code: "export const u = () => process.env['U'];" },
  { file: 'src/codec/keyring-env.ts', code: "export const u = () => process.env['U'];" },
  { file: 'src/testing/environment.ts', code: "export const u = () => process.env['U'];" },
  { file: 'src/testing/waits.ts', code: 'export const later = (f: () => void) => setTimeout(f, performance.now());' },
  { file: 'src/testing/engine.ts', code: "export { x } from '../embedded/index.js';" },
  { file: 'src/codec/dates.ts', code: 'export const isDate = (x: unknown) => x instanceof Date;' },
  { file: 'src/codec/msgpack.ts', code: "export { pack } from 'msgpackr';" },
  {
    file: 'src/client/codec-types.ts',
    code: "import type { Codec } from '../codec/index.js';\nexport type C = Codec;",
  },
  { file: 'src/client/drivers/open.ts', code: "export const open = async () => import('../../embedded/index.js');" },
  {
    file: 'src/session/uses.ts',
    code: "export { x } from '../codec/index.js';\nexport { y } from '../client/manager.js';",
  },
];

const samples = [...structure, ...rules, ...typeAware];
const folder = mkdtempSync(join(tmpdir(), 'ru-lint-'));
let complaints: ReadonlyMap<string, readonly string[]>;

beforeAll(() => {
  copyFileSync(join(root, '.oxlintrc.json'), join(folder, '.oxlintrc.json'));
  copyFileSync(join(root, 'tsconfig.json'), join(folder, 'tsconfig.json'));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  for (const { file, code } of [...samples, ...allowed]) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), code);
  }
  complaints = lint();
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Rule names by file. */
function lint(): Map<string, string[]> {
  const oxlint = join(root, 'node_modules/.bin/oxlint');
  let output: string;
  try {
    output = execFileSync(oxlint, ['--type-aware', '--format', 'json'], {
      cwd: folder,
      encoding: 'utf8',
      maxBuffer: 1e8,
    });
  } catch (error) {
    output = (error as { stdout: string }).stdout;
  }
  const found = new Map<string, string[]>();
  for (const { filename, code } of (JSON.parse(output) as { diagnostics: Diagnostic[] }).diagnostics) {
    const rule = code.replace(/^.*\((.+)\)$/, '$1');
    found.set(filename, [...(found.get(filename) ?? []), rule]);
  }
  return found;
}

describe('the linter refuses', () => {
  test.each(samples)('$file: $rule', ({ file, rule }) => {
    expect(complaints.get(file) ?? []).toContain(rule);
  });
});

describe('the linter allows', () => {
  test.each(allowed)('$file', ({ file }) => {
    const restricted = (complaints.get(file) ?? []).filter((rule) => rule.startsWith('no-restricted'));
    expect(restricted).toEqual([]);
  });
});
