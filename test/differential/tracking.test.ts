import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Connection, Driver } from '../../src/client/driver.js';
import { request } from '../../src/client/request.js';
import { afterThisTest } from '../support/cleanup.js';
import { type CommandWords, commandStream, withoutNesting } from './command-stream.js';
import { ask, openPair, type Plain, runs } from './pair.js';

async function openConnection(driver: Driver): Promise<Connection> {
  const connection = await driver.open(undefined);
  afterThisTest(() => connection.destroy());
  return connection;
}

const prefix = fc.constantFrom('', 'a', 'ab', 'b', 'abc', 'é').map((name) => ['PREFIX', name]);
/** No three prefixes at once: where the second and the third overlap, servers send two replies. */
const trackingOn = fc
  .tuple(fc.constantFrom(['BCAST'], ['bcast', 'NOLOOP'], ['BCAST', 'OPTIN']), fc.array(prefix, { maxLength: 2 }))
  .map(([mode, prefixes]) => ['CLIENT', 'TRACKING', 'ON', ...mode, ...prefixes.flat()]);
const trackingCommand = fc.oneof(
  { weight: 4, arbitrary: trackingOn },
  fc.constantFrom(
    ['CLIENT', 'TRACKING', 'OFF'],
    ['CLIENT', 'TRACKING', 'off', 'BCAST'],
    ['CLIENT', 'TRACKING', 'MAYBE'],
    ['CLIENT', 'TRACKING', 'ON', 'PREFIX'],
    ['CLIENT', 'TRACKING', 'ON', 'PREFIX', 'a'],
    ['CLIENT', 'TRACKING', 'ON', 'NOPE'],
    ['CLIENT', 'TRACKING'],
    ['CLIENT', 'TRACKINGINFO', 'x'],
    ['MULTI'],
    ['EXEC'],
  ),
);

test('turning tracking on and off gets the replies of the server', async () => {
  const pair = await openPair();
  await fc.assert(
    fc.asyncProperty(fc.array(trackingCommand, { maxLength: 12 }), async (stream) => {
      const answers: Plain[][] = [];
      const commands = withoutNesting(stream).flatMap((command) => [command, ['CLIENT', 'TRACKINGINFO']]);
      for (const driver of [pair.engine, pair.server]) {
        const connection = await driver.open(undefined);
        answers.push(await ask(connection, commands));
        connection.destroy();
      }
      expect(answers[0]).toEqual(answers[1]);
    }),
    { numRuns: runs(100) },
  );
});

/** One writer and one connection that tracks, on either side. */
async function openSide(driver: Driver): Promise<(command: CommandWords) => Promise<readonly string[]>> {
  const [writer, tracker] = [await openConnection(driver), await openConnection(driver)];
  let told: string[] = [];
  tracker.onInvalidate = (keys) => told.push(...(keys ?? ['all keys']));
  await request(tracker, ['CLIENT', 'TRACKING', 'ON', 'BCAST', 'PREFIX', 'k', 'PREFIX', '{k}']);
  return async (command) => {
    told = [];
    await ask(writer, [command]);
    for (let round = 0; round < 2; round += 1) {
      await request(tracker, ['PING']);
      await new Promise(setImmediate);
    }
    return [...new Set(told)].toSorted();
  };
}

/** Servers disagree on whether it changes a list of which it removes nothing. */
const LEFT_OUT = new Set(['LTRIM']);

test('each command changes the keys that the server says it changes', { timeout: 600_000 }, async () => {
  const pair = await openPair();
  const [engine, server] = [await openSide(pair.engine), await openSide(pair.server)];
  await fc.assert(
    fc.asyncProperty(commandStream, async (stream) => {
      for (const command of [['DISCARD'], ['FLUSHALL'], ...withoutNesting(stream)]) {
        if (LEFT_OUT.has(command[0] as string)) continue;
        const told = [await engine(command), await server(command)];
        expect([command, told[0]]).toEqual([command, told[1]]);
      }
    }),
    { numRuns: runs(60) },
  );
});
