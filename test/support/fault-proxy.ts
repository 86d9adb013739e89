import { FaultProxy as Kit, type ProxyTarget } from '../../src/testing/fault-proxy.js';
import { afterThisTest } from './cleanup.js';

export type FaultProxy = Kit;

/** The kit's proxy, stopped when the test has finished. */
export const FaultProxy = {
  async start(target: ProxyTarget): Promise<Kit> {
    const proxy = await Kit.start(target);
    afterThisTest(() => proxy.stop());
    return proxy;
  },
};
