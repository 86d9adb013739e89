import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { acquireScript, extendScript, releaseScript, verifyScript } from '../../../src/lock/scripts.js';
import { connect, raw } from '../../support/target.js';
import { clockPast } from './server-clock.js';

/* The scripts against a model: any order of calls by three owners, with expiry, deletion and flushes in between. */

type Op = 'acquire' | 'release' | 'extend' | 'verify' | 'expire' | 'delete' | 'flush-scripts';

interface Model {
  owner: string;
  live: boolean;
  fence: bigint;
}

const operation = fc.record({
  op: fc.constantFrom<Op>('acquire', 'acquire', 'release', 'extend', 'verify', 'expire', 'delete', 'flush-scripts'),
  token: fc.constantFrom('a', 'b', 'c'),
});

function standing({ owner, live }: Model, token: string): string {
  if (owner !== token) return owner === '' ? 'expired' : 'stolen';
  return live ? 'held' : 'expired';
}

test('the scripts agree with their model, fences rise through every loss', async () => {
  const manager = await connect();
  const scripts = {
    acquire: manager.script(acquireScript),
    extend: manager.script(extendScript),
    release: manager.script(releaseScript),
    verify: manager.script(verifyScript),
  };
  let lock = 0;
  const check = async (operations: readonly { op: Op; token: string }[]): Promise<void> => {
    const key = manager.keySpace('lock').key(String((lock += 1)));
    const model: Model = { owner: '', live: false, fence: 0n };
    const act = async (op: Op, token: string): Promise<void> => {
      if (op === 'flush-scripts') return void (await raw(['SCRIPT', 'FLUSH']));
      if (op === 'delete') {
        Object.assign(model, { owner: '', live: false });
        await raw(['DEL', key]);
        return clockPast(model.fence);
      }
      if (op === 'expire') {
        if (model.owner === '') return;
        model.live = false;
        return void (await raw(['HSET', key, 'x', '1']));
      }
      if (op === 'verify') return expect(await scripts.verify.run([key], [token])).toBe(standing(model, token));
      if (op === 'extend') {
        const { standing: told } = await scripts.extend.run([key], [token, 60_000]);
        return expect(told).toBe(standing(model, token));
      }
      if (op === 'release') {
        expect(await scripts.release.run([key], [token])).toBe(standing({ ...model, live: true }, token));
        if (model.owner === token) Object.assign(model, { owner: '', live: false });
        return;
      }
      const { fence, leaseMs } = await scripts.acquire.run([key], [token, 50_000, '']);
      if (model.live && model.owner !== token) return expect(fence).toBeUndefined();
      expect(leaseMs).toBeGreaterThan(40_000);
      if (model.live) return expect(fence).toBe(model.fence);
      expect(fence).toBeGreaterThan(model.fence);
      Object.assign(model, { owner: token, live: true, fence });
    };
    for (const { op, token } of operations) await act(op, token);
    if (Number(await raw(['EXISTS', key])) === 1 && model.fence > 0n) {
      expect(Number(await raw(['PTTL', key]))).toBeGreaterThan(3_600_000);
    }
  };
  await fc.assert(fc.asyncProperty(fc.array(operation, { maxLength: 25 }), check), { numRuns: 40 });
});
