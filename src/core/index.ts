/** What of the core is public: errors, durations, the schema interface, and the ports that tests replace. */
export type { Clock, Timer } from './clock.js';
export type { Duration } from './duration.js';
export type { Unsubscribe } from './emitter.js';
export {
  BadReplyError,
  ClosedError,
  ConfigError,
  type ConfigIssue,
  ConnectionError,
  type ConnectionReason,
  type Outcome,
  PoolTimeoutError,
  RedisUtilsError,
  ServerError,
  TimeoutError,
} from './errors.js';
export type { LatencySummary } from './latencies.js';
export type { Random } from './random.js';
export type { SchemaIssue, SchemaResult, StandardSchemaV1 } from './standard-schema.js';
