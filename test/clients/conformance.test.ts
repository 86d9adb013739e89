import { describe, expect, it } from 'vitest';

import { openWrapped } from '../../src/client/drivers/wrapped/open-wrapped.js';
import { runtimeWith } from '../../src/core/runtime.js';
import { conformance } from '../conformance/suite.js';
import { FAMILIES } from '../support/clients.js';
import { afterThisTest } from '../support/cleanup.js';
import { noLeaks } from '../support/no-leaks.js';
import { server } from '../support/target.js';

noLeaks();

describe.each(FAMILIES)('$name', ({ make, resp3 }) => {
  conformance(async () => {
    const { client } = await make({ path: (await server()).socketPath });
    return (await openWrapped(client, {}, runtimeWith())).driver;
  });

  it('says which shapes its replies have', async () => {
    const { client } = await make({ path: (await server()).socketPath });
    const { driver } = await openWrapped(client, {}, runtimeWith());
    afterThisTest(() => driver.destroy());
    await driver.connect(undefined);
    expect(driver.capabilities).toEqual({ atMostOnce: true, resp3, watchdog: false, invalidations: false });
  });
});
