import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RedisServer } from '../support/redis-server.js';
import { codeBlocksOf, documents, fileNameOf, type CodeBlock } from './code-blocks.js';

/** The documents are true: each of their programs compiles against the built package, and those that run print what they say. */

const root = resolve(import.meta.dirname, '../..');
const blocks = documents().flatMap(codeBlocksOf);
const runnable = blocks.filter(({ words }) => words.has('run'));
const folder = mkdtempSync(join(tmpdir(), 'ru-docs-'));
let complaints: readonly string[] = [];

beforeAll(() => {
  layOut();
  complaints = compile();
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A package that depends on ours, with one file per program. */
function layOut(): void {
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(root, join(folder, 'node_modules/redis-utils'));
  symlinkSync(join(root, 'node_modules/@types'), join(folder, 'node_modules/@types'));
  symlinkSync(join(root, 'node_modules/undici-types'), join(folder, 'node_modules/undici-types'));
  for (const client of ['@redis', 'ioredis']) {
    symlinkSync(join(root, 'node_modules', client), join(folder, 'node_modules', client));
  }
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }));
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(compilerOptions()));
  for (const block of blocks) {
    const program = [...block.before, block].map(({ code }) => code);
    writeFileSync(join(folder, `${fileNameOf(block)}.ts`), `${program.join('\n')}\nexport {};\n`);
  }
}

function compilerOptions(): object {
  const language = { target: 'es2023', lib: ['es2023', 'esnext.disposable'], module: 'nodenext', types: ['node'] };
  const strictness = { strict: true, exactOptionalPropertyTypes: true, skipLibCheck: true };
  return { compilerOptions: { ...language, ...strictness, rootDir: '.', outDir: 'out' }, include: ['*.ts'] };
}

/** Messages of the compiler, with the place in the document instead of the place in the file. */
function compile(): string[] {
  if (blocks.length === 0) return [];
  const { stdout } = spawnSync(join(root, 'node_modules/.bin/tsc'), ['-p', folder], { encoding: 'utf8', cwd: folder });
  return stdout.split('\n').flatMap((line) => {
    const found = /^(.+)\.ts\((\d+),\d+\): (.*)$/.exec(line);
    if (found === null) return [];
    const [, name, at, message] = found;
    const block = blocks.find((each) => fileNameOf(each) === name);
    return block === undefined ? [line] : [`${placeOf(block, Number(at))}: ${message}`];
  });
}

function placeOf(block: CodeBlock, lineOfProgram: number): string {
  let line = lineOfProgram;
  for (const part of [...block.before, block]) {
    const length = part.code.split('\n').length;
    if (line <= length) return `${part.document}:${part.line + line - 1}`;
    line -= length;
  }
  return block.place;
}

/** Runs a program in a process of its own and returns what it printed on both streams. */
function run(block: CodeBlock, url: string): Promise<{ code: number | null; printed: string }> {
  return new Promise((settle) => {
    const file = join(folder, 'out', `${fileNameOf(block)}.js`);
    const servers = process.env['REDIS_UTILS_SERVERS'] ?? join(root, '.servers');
    const env = { ...process.env, REDIS_URL: url, REDIS_UTILS_SERVERS: servers };
    const child = spawn(process.execPath, [file], { cwd: folder, env });
    let printed = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (printed += chunk.toString()));
    const deadline = setTimeout(() => child.kill('SIGKILL'), 30_000);
    child.on('close', (code) => {
      clearTimeout(deadline);
      settle({ code, printed: printed.trimEnd() });
    });
  });
}

test('the first screen of the README can be run', () => {
  expect(runnable.map(({ document }) => document)).toContain('README.md');
});

describe('compiles', () => {
  test.each(blocks)('$place', (block) => {
    const own = [...block.before, block].map(({ document, line, code }) => ({
      document,
      from: line,
      to: line + code.split('\n').length,
    }));
    const about = complaints.filter((complaint) => {
      const [document, line] = complaint.split(':', 2);
      return own.some((part) => part.document === document && Number(line) >= part.from && Number(line) <= part.to);
    });
    expect(about.join('\n')).toBe('');
  });

  test('and nothing else is wrong', () => {
    const elsewhere = complaints.filter((complaint) => !blocks.some(({ document }) => complaint.startsWith(document)));
    expect(elsewhere).toEqual([]);
  });
});

describe('runs', () => {
  test.each(runnable)('$place on the embedded engine', async (block) => {
    const { code, printed } = await run(block, 'memory://docs');
    expect(code, `${block.place} printed:\n${printed}`).toBe(0);
    if (block.output !== undefined) expect(printed, block.place).toBe(block.output.trimEnd());
  });

  test.each(runnable.filter(({ words }) => words.has('server')))('$place on a real server', async (block) => {
    const server = await RedisServer.start({ port: true });
    const { code, printed } = await run(block, server.url);
    expect(code, `${block.place} printed:\n${printed}`).toBe(0);
    if (block.output !== undefined) expect(printed, block.place).toBe(block.output.trimEnd());
  });
});
