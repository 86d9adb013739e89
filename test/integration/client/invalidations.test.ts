import { expect, it } from 'vitest';
import { eventually } from '../../support/eventually.js';
import { listen } from '../../support/invalidations.js';
import { noLeaks } from '../../support/no-leaks.js';
import { connect, uniquePrefix } from '../../support/target.js';

noLeaks();

it('a manager hears of every key with a prefix that others change, on whichever node it is', async () => {
  const [mine, others] = [await connect(), await connect()];
  expect(mine.capabilities.invalidations).toBe(true);
  const prefix = uniquePrefix();
  const { told, handle } = listen(mine, { prefix, maxStalenessMs: 400 });
  await eventually(() => handle.isArmed);
  const keys = Array.from({ length: 50 }, (_, index) => `${prefix}:${String(index).padStart(2, '0')}`);
  await Promise.all(keys.map((key) => others.command(['SET', key, 'x', 'PX', 60_000])));
  await others.command(['SET', `not-${prefix}`, 'x', 'PX', 1_000]);
  await eventually(() => told.length > keys.length);
  expect([told[0], ...told.slice(1).toSorted()]).toEqual(['armed', ...keys]);
  await Promise.all(keys.map((key) => others.command(['DEL', key])));
  await eventually(() => told.length === 1 + 2 * keys.length);
  handle.close();
});

it('what a manager has been told is never older than it says', async () => {
  const manager = await connect();
  const prefix = uniquePrefix();
  const { told, handle } = listen(manager, { prefix, maxStalenessMs: 400 });
  await eventually(() => handle.isArmed);
  const armedMs = manager.clock.monotonicMs();
  const changes: { readonly key: string; readonly atMs: number }[] = [];
  while (manager.clock.monotonicMs() - armedMs < 1_500) {
    const key = `${prefix}:${changes.length}`;
    await manager.command(['SET', key, 'x', 'PX', 5_000]);
    changes.push({ key, atMs: manager.clock.monotonicMs() });
    const asOfMs = handle.coherentAsOfMs;
    const untold = changes.filter((change) => change.atMs < asOfMs && !told.includes(change.key));
    expect(untold).toEqual([]);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  expect(handle.coherentAsOfMs).toBeGreaterThan(armedMs);
});

it('a manager that closes ends its feeds, also one that is being made', async () => {
  const manager = await connect();
  const prefix = uniquePrefix();
  const { told, handle } = listen(manager, { prefix, maxStalenessMs: 400 });
  await eventually(() => handle.isArmed);
  const unborn = listen(manager, { prefix: `${prefix}-other`, maxStalenessMs: 400 });
  await manager.close();
  expect(told).toEqual(['armed', 'blind ClosedError']);
  expect(unborn.handle.isArmed).toBe(false);
  expect(() => listen(manager, { prefix, maxStalenessMs: 400 })).toThrow(
    expect.objectContaining({ code: 'RU_CLOSED' }),
  );
});
