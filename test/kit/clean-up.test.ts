import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.js';

/** A process that starts a server and tells about it, and then does as it is told. */
const PROGRAM = `
  import { RedisServer } from 'redis-utils/testing';
  const server = await RedisServer.start();
  server.pause();
  process.stdout.write(JSON.stringify({ pid: server.pid, socketPath: server.socketPath }) + '\\n');
`;

async function start(then: string): Promise<{ child: ChildProcess; pid: number; socketPath: string }> {
  const args = ['--input-type=module', '-e', PROGRAM + then];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, ...(JSON.parse(line.toString()) as { pid: number; socketPath: string }) };
}

function runs(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function expectGone({ pid, socketPath }: { pid: number; socketPath: string }): Promise<void> {
  await eventually(() => !runs(pid));
  await eventually(() => !existsSync(dirname(dirname(socketPath))));
}

test('a server does not keep its process alive, and ends with it though it stands still', async () => {
  const started = await start('');
  if (started.child.exitCode === null) await once(started.child, 'exit');
  expect(started.child.exitCode).toBe(0);
  await expectGone(started);
});

test.each(['SIGKILL', 'SIGTERM', 'SIGINT'] as const)(
  'a process ended by %s leaves no server and no file',
  async (signal) => {
    const started = await start('setInterval(() => undefined, 1000);');
    expect(runs(started.pid)).toBe(true);
    started.child.kill(signal);
    await once(started.child, 'exit');
    await expectGone(started);
  },
);

test('a process that exits in the middle leaves no server', async () => {
  const started = await start('process.exitCode = 3; process.exit();');
  await once(started.child, 'exit');
  await expectGone(started);
});
