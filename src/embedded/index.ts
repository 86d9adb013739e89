export { EmbeddedDriver, type EmbeddedDriverOptions } from './driver.js';
export { EmbeddedRedis, type EmbeddedRedisOptions } from './engine.js';
export { VirtualClock } from './virtual-clock.js';
