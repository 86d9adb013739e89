import { expect, test } from 'vitest';
import type { EntryFormat } from '../../../src/cache/entries/entry.js';
import { type FlightPlan, Flights } from '../../../src/cache/loads/flights.js';
import { gate } from '../../integration/cache/gate.js';

const FORMAT = {} as EntryFormat;
const plan = (format: EntryFormat): FlightPlan => ({ key: 'k', format, inBackground: false });
const ENTRY = Buffer.from('entry');

test('a flight is the current one until it has ended', async () => {
  const flights = new Flights();
  const landed = gate<Buffer>();
  const flight = flights.start(plan(FORMAT), () => landed.opened);
  expect(flights.at('k')).toBe(flight);
  landed.open(ENTRY);
  await expect(flight.join(undefined)).resolves.toBe(ENTRY);
  expect(flights.at('k')).toBeUndefined();
});

test('a detached flight may not store, and its end does not end its successor', async () => {
  const flights = new Flights();
  const slow = gate<Buffer>();
  const older = flights.start(plan(FORMAT), () => slow.opened);
  flights.detach('k');
  expect(older.maySet).toBe(false);
  const newer = flights.start(plan(FORMAT), () => gate<Buffer>().opened);
  slow.open(ENTRY);
  await older.join(undefined);
  expect(newer.maySet).toBe(true);
  expect(flights.at('k')).toBe(newer);
});

test('the loader is aborted when the last caller leaves, and nobody joins it any more', async () => {
  const flights = new Flights();
  const flight = flights.start(plan(FORMAT), () => gate<Buffer>().opened);
  const [one, two] = [new AbortController(), new AbortController()];
  const waits = [flight.join(one.signal), flight.join(two.signal)];
  one.abort(new Error('one'));
  await expect(waits[0]).rejects.toThrow('one');
  expect(flight.signal.aborted).toBe(false);
  two.abort(new Error('two'));
  await expect(waits[1]).rejects.toThrow('two');
  expect(flight.signal.reason).toEqual(new Error('two'));
  expect(flights.at('k')).toBeUndefined();
});

test('a caller without a signal keeps the loader going', async () => {
  const flights = new Flights();
  const landed = gate<Buffer>();
  const flight = flights.start(plan(FORMAT), () => landed.opened);
  const stays = flight.join(undefined);
  const leaves = new AbortController();
  const left = flight.join(leaves.signal);
  leaves.abort(new Error('left'));
  await expect(left).rejects.toThrow('left');
  expect(flight.signal.aborted).toBe(false);
  landed.open(ENTRY);
  await expect(stays).resolves.toBe(ENTRY);
});

test('a failure after every caller has left is nobody’s unhandled rejection', async () => {
  const flights = new Flights();
  const landed = gate<Buffer>();
  const flight = flights.start(plan(FORMAT), () => landed.opened);
  const leaves = new AbortController();
  const left = flight.join(leaves.signal);
  leaves.abort(new Error('left'));
  await expect(left).rejects.toThrow('left');
  landed.fail(new Error('too late to matter'));
  await new Promise((resolve) => setImmediate(resolve));
});
