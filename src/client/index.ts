export * from '../core/index.js';
export type { Command, CommandArg, CommandOptions } from './calls/command.js';
export { RedisConfig } from './config/config.js';
export type { EnvOptions } from './config/env.js';
export type { ConfigLine } from './config/explain.js';
export type { Capabilities } from './driver.js';
export type { WrappableClient } from './drivers/wrapped/adapt.js';
export type { NodeStatus } from './driver.js';
export type { HealthReport, ServerInfo } from './health.js';
export type { Lease, LeaseOptions } from './leases/lease.js';
export type { Leak } from './leases/leases.js';
export { type ConnectOptions, RedisManager } from './manager.js';
export type { DrainReport, ManagerEvents, ManagerState } from './manager-events.js';
export type { PipelineResult } from './calls/pipeline.js';
export type { PoolCloseReason, PoolStats } from './leases/pool-stats.js';
export type {
  BreakerOptions,
  Credentials,
  CredentialsContext,
  CredentialsProvider,
  OfflineQueueOptions,
  PoolOptions,
  ReconnectOptions,
  RedisOptions,
  RetryOptions,
  SentinelOptions,
  TlsOptions,
} from './config/redis-options.js';
export { liveness, type ProbeReport, readiness, type ReadinessOptions } from './probes.js';
export { defineScript, type Script, type ScriptDef } from './script.js';
export type { Address, Target } from './config/settings.js';
export type { Transaction, TransactionOptions, TransactionResult } from './leases/transaction.js';
export type { CommandTrace, ConnectTrace, PoolTrace, PubSubTrace } from './tracing.js';
export { TlsError, type TlsOption } from './drivers/wire/tls-error.js';
export type { WrapOptions } from './wrap-options.js';
