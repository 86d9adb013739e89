import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createConnection, createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { noLeaks, watchLeaks } from '../../src/testing/leaks.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { RedisServer } from '../support/redis-server.js';

const soon = { within: 50 };

describe('a leak watch', () => {
  test('finds nothing where nothing is left', async () => {
    const leaks = watchLeaks();
    setTimeout(() => undefined, 20);
    await leaks.check();
  });

  test('names a timer, an interval and a listening server', async () => {
    const leaks = watchLeaks(soon);
    const [timer, interval] = [setTimeout(() => undefined, 60_000), setInterval(() => undefined, 60_000)];
    const listener = createServer().listen(0, '127.0.0.1');
    await expect(leaks.check()).rejects.toThrow(/^Left behind: (?=.*TCPServerWrap)(?=.*[2-9] Timeout)/);
    const timers = watchLeaks({ ignore: ['TCPServerWrap'] });
    clearTimeout(timer);
    clearInterval(interval);
    listener.close();
    await timers.check();
  });

  test('names a socket and a child process', async () => {
    const listener = createServer().listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const leaks = watchLeaks(soon);
    const socket = createConnection(listener.address() as { port: number });
    const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)'], { stdio: 'ignore' });
    await once(socket, 'connect');
    await expect(leaks.check()).rejects.toMatchObject({
      code: 'RU_TESTING_LEAK',
      message: expect.stringMatching(/(?=.*TCPSocketWrap)(?=.*ProcessWrap)/),
    });
    child.kill('SIGKILL');
    socket.destroy();
    listener.close();
  });

  test('counts nothing that holds nobody up, servers of the kit included', async () => {
    const leaks = watchLeaks();
    const server = await RedisServer.start();
    setTimeout(() => undefined, 60_000).unref();
    await leaks.check();
    const proxied = watchLeaks(soon);
    const proxy = await FaultProxy.start(server);
    await expect(proxied.check()).rejects.toThrow('TCPServerWrap');
    await proxy.stop();
  });

  test('ends with its check', async () => {
    const before = process.listenerCount('unhandledRejection');
    const leaks = watchLeaks();
    expect(process.listenerCount('unhandledRejection')).toBe(before + 1);
    await leaks.check();
    expect(process.listenerCount('unhandledRejection')).toBe(before);
  });
});

/** Runs a program of `node:test` that uses the built package, and returns what it reports. */
async function report(body: string): Promise<string> {
  const program = `
    import { afterEach, beforeEach, test } from 'node:test';
    import { noLeaks } from 'redis-utils/testing';
    noLeaks({ beforeEach, afterEach }, { within: 100 });
    ${body}`;
  const child = spawn(process.execPath, ['--test-reporter=tap', '--input-type=module', '-e', program], {
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
  });
  let printed = '';
  child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  await once(child, 'close');
  return printed;
}

describe('as hooks of another runner', () => {
  test('a test that leaves a timer fails, the others pass', async () => {
    const printed = await report(`
      test('clean', () => {});
      let timer;
      test('leaves a timer', () => { timer = setTimeout(() => {}, 60_000); });
      test('clean again', () => { clearTimeout(timer); });`);
    expect(printed).toMatch(
      /^ok 1 - clean$[^]*^not ok 2 - leaves a timer$[^]*Left behind: \d Timeout[^]*^ok 3 - clean again$/m,
    );
  });

  test('a test that leaves a rejection fails', async () => {
    const printed = await report(`test('rejects', () => { void Promise.reject(new Error('nobody listens')); });`);
    expect(printed).toMatch(/^not ok 1 - rejects$/m);
  });

  test('hooks that are none are refused', () => {
    expect(() => noLeaks({} as never)).toThrow('hooks.beforeEach');
  });
});
