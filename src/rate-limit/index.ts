export type { ErrorMode } from './batcher.js';
export type { Decision, DecisionSource } from './decision.js';
export { LimitStateError } from './errors.js';
export { type CheckOptions, RateLimiter, type RateLimiterOptions } from './limiter.js';
