export type { Command, CommandArg, CommandOptions } from './command.js';
export { type ConfigLine, type PoolOptions, RedisConfig, type RedisOptions, type TlsOptions } from './config.js';
export type { EnvOptions } from './config-env.js';
export type { HealthReport, ServerInfo } from './health.js';
export type { Lease, LeaseOptions } from './lease.js';
export { type ConnectOptions, type PipelineResult, RedisManager } from './manager.js';
export type { DrainReport, ManagerEvents, ManagerState } from './manager-events.js';
export type { PoolStats } from './pool.js';
export { defineScript, type Script, type ScriptDef } from './script.js';
