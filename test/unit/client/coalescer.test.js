import { describe, expect, it } from 'vitest';
import { Coalescer } from '../../../src/client/coalescer.js';
function collecting(limits = {}) {
    const batches = [];
    const calls = new Coalescer({
        maxCalls: limits.maxCalls ?? 100,
        maxWeight: limits.maxWeight ?? 1_000_000,
        weigh: (call) => call,
        send: (batch) => {
            batches.push(batch.map(({ call }) => call));
            for (const { call, resolve } of batch)
                resolve(call * 10);
        },
    });
    return { batches, calls };
}
describe('Coalescer', () => {
    it('sends the calls of one tick together, in order, and gives each its own result', async () => {
        const { batches, calls } = collecting();
        expect(await Promise.all([1, 2, 3].map((call) => calls.add(call)))).toEqual([10, 20, 30]);
        expect(batches).toEqual([[1, 2, 3]]);
    });
    it('gathers callers that were woken in the same tick through chains of different length', async () => {
        const { batches, calls } = collecting();
        const after = async (hops, call) => {
            for (let hop = 0; hop < hops; hop += 1)
                await undefined;
            return calls.add(call);
        };
        await Promise.all([after(0, 1), after(3, 2), after(9, 3)]);
        expect(batches).toEqual([[1, 2, 3]]);
    });
    it('does not keep a lone call beyond its tick', async () => {
        const { calls } = collecting();
        const order = [];
        setImmediate(() => order.push('io'));
        await calls.add(1).then(() => order.push('call'));
        expect(order).toEqual(['call']);
    });
    it('splits at its bound of calls and at its bound of weight', async () => {
        const byCount = collecting({ maxCalls: 2 });
        await Promise.all([1, 2, 3].map((call) => byCount.calls.add(call)));
        expect(byCount.batches).toEqual([[1, 2], [3]]);
        const byWeight = collecting({ maxWeight: 5 });
        await Promise.all([4, 4, 1].map((call) => byWeight.calls.add(call)));
        expect(byWeight.batches).toEqual([[4, 4], [1]]);
    });
    it('sends what waits when it is told to flush, and nothing twice', async () => {
        const { batches, calls } = collecting();
        const first = calls.add(1);
        calls.flush();
        calls.flush();
        const second = calls.add(2);
        await Promise.all([first, second]);
        expect(batches).toEqual([[1], [2]]);
    });
});
