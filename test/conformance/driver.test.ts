import { RedisConfig } from '../../src/client/index.js';
import { openDriver } from '../../src/client/drivers/open-driver.js';
import { runtimeWith } from '../../src/core/runtime.js';
import { noLeaks } from '../support/no-leaks.js';
import { url } from '../support/target.js';
import { conformance } from './suite.js';

noLeaks();

conformance(async () => openDriver(RedisConfig.fromUrl(await url()), runtimeWith()));
