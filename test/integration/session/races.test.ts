import { expect, it } from 'vitest';

import { SessionManager } from '../../../src/session/index.js';
import { noLeaks } from '../../support/no-leaks.js';
import { connect } from '../../support/target.js';

noLeaks();

const ROUNDS = 200;

it(`a destroyed session stays dead through late writes, uses and extensions (${ROUNDS} rounds)`, async () => {
  const [here, there] = [await connect(), await connect({ prefix: 'unused' })];
  const a = new SessionManager(here);
  const b = new SessionManager(there, { prefix: here.config.prefix });
  let destroyedBeforeUpdate = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    // with an idle time of 50 ms most reads write a use; on a slow machine the session may then end by itself
    const brief = round % 2 === 1;
    const id = await a.createSession({ round }, { idle: brief ? 50 : '1h', absolute: '1h' });
    const results = await Promise.all([
      a.updateSession(id, { late: true }),
      b.getSession(id),
      b.extendSession(id, '1h'),
      b.updateSession(id, (data) => Promise.resolve({ ...data, slow: true })),
      b.destroySession(id),
      a.getSession(id),
      a.extendSession(id, '1h'),
      a.updateSession(id, { later: true }),
    ]);
    if (!brief) expect(results[4]).toBe(true);
    if (results[7] === undefined) destroyedBeforeUpdate += 1;
    expect(await a.getSession(id)).toBeUndefined();
    expect(await b.readSession(id)).toBeUndefined();
  }
  expect(destroyedBeforeUpdate).toBeGreaterThan(0);
});

it(`a destroy during a slow update wins (${ROUNDS} rounds)`, async () => {
  const manager = new SessionManager(await connect());
  for (let round = 0; round < ROUNDS; round += 1) {
    const id = await manager.createSession({ round });
    const update = manager.updateSession(id, async (data) => {
      await manager.destroySession(id);
      return { ...data, user: 'u1' };
    });
    expect(await update).toBeUndefined();
    expect(await manager.getSession(id)).toBeUndefined();
  }
});

it(`no concurrent patch is lost (${ROUNDS} rounds)`, async () => {
  const [here, there] = [await connect(), await connect()];
  const a = new SessionManager(here);
  const b = new SessionManager(there, { prefix: here.config.prefix });
  for (let round = 0; round < ROUNDS; round += 1) {
    const id = await a.createSession({ round });
    await Promise.all([a.updateSession(id, { a: 1 }), b.updateSession(id, { b: 2 }), a.updateSession(id, { c: 3 })]);
    expect(await b.getSession(id)).toEqual({ round, a: 1, b: 2, c: 3 });
  }
});
