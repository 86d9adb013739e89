/**
 * Every error this library throws on purpose: one base, a stable `code`, facts as fields.
 *
 * `instanceof` works across two installed copies of the package, because each class is recognised by a brand
 * (`Symbol.for('redis-utils.error')`) and not by identity. Messages may change between versions, codes do not.
 * No message, field or JSON form holds a password, a token or a stored value.
 */

const BRAND = Symbol.for('redis-utils.error');

/** Whether the server may have run the command whose promise failed. */
export type Outcome = 'not-sent' | 'unknown';

type ErrorClass = abstract new (...args: never[]) => Error;

/** Gives an error class its `name`, its `code` and its place in the brand; called once, in a static block. */
export function identify(errorClass: ErrorClass, name: string, code: string): void {
  const prototype = errorClass.prototype as { [BRAND]?: readonly string[] };
  const kinds = [...(prototype[BRAND] ?? []), name];
  for (const [key, value] of Object.entries({ name, code })) {
    Object.defineProperty(prototype, key, { value, configurable: true, writable: true });
  }
  Object.defineProperty(prototype, BRAND, { value: kinds, configurable: true });
}

/** Base of all errors of this library. Match on `code`, or on `instanceof` a subclass. */
export abstract class RedisUtilsError extends Error {
  declare readonly code: string;

  static {
    identify(this, 'RedisUtilsError', 'RU_ERROR');
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    if (typeof value !== 'object' || value === null) return false;
    const prototype: object = this.prototype;
    if (!Object.hasOwn(prototype, BRAND)) return Object.prototype.isPrototypeOf.call(prototype, value);
    const own = (prototype as { [BRAND]: readonly string[] })[BRAND];
    const name = own[own.length - 1] as string;
    return (value as { [BRAND]?: readonly string[] })[BRAND]?.includes(name) ?? false;
  }

  /** The facts, without the stack: what a structured log needs. */
  toJSON(): Record<string, unknown> {
    const facts: Record<string, unknown> = { name: this.name, code: this.code, message: this.message };
    Object.assign(facts, this);
    if (this.cause instanceof Error) facts['cause'] = this.cause.message;
    return facts;
  }
}

/** One thing that is wrong with a configuration. `received` never shows a secret. */
export interface ConfigIssue {
  readonly option: string;
  readonly expected: string;
  readonly received: string;
}

/** An option, argument or environment variable that cannot be used. Nothing was sent. */
export class ConfigError extends RedisUtilsError {
  declare readonly code: 'RU_CONFIG';
  readonly issues: readonly ConfigIssue[];

  static {
    identify(this, 'ConfigError', 'RU_CONFIG');
  }

  constructor(issues: readonly ConfigIssue[], options?: ErrorOptions) {
    super(issues.map(describeIssue).join('\n'), options);
    this.issues = issues;
  }
}

function describeIssue({ option, expected, received }: ConfigIssue): string {
  return `Expected \`${option}\` to be ${expected}, got ${received}`;
}

/** Why a connection could not be made or was lost. */
export type ConnectionReason =
  | 'refused'
  | 'unreachable'
  | 'tls'
  | 'auth'
  | 'permission'
  | 'protocol'
  | 'timeout'
  | 'lost'
  | 'unresponsive'
  | 'overloaded'
  | 'closed'
  | 'pool';

/** Reasons that stay until somebody changes the configuration, or that are final. */
const LASTING: ReadonlySet<ConnectionReason> = new Set<ConnectionReason>(['tls', 'auth', 'permission', 'closed']);

/** The connection failed: at connect, or with commands in flight. */
export class ConnectionError extends RedisUtilsError {
  declare readonly code: 'RU_CONNECTION' | 'RU_CLOSED' | 'RU_POOL_TIMEOUT';
  readonly endpoint: string;
  readonly reason: ConnectionReason;
  readonly outcome: Outcome;
  /** Trying again later may succeed: nothing about the configuration has to change for it. */
  readonly retryable: boolean;

  static {
    identify(this, 'ConnectionError', 'RU_CONNECTION');
  }

  constructor(
    message: string,
    facts: { endpoint: string; reason: ConnectionReason; outcome: Outcome; cause?: unknown },
  ) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.endpoint = facts.endpoint;
    this.reason = facts.reason;
    this.outcome = facts.outcome;
    this.retryable = !LASTING.has(facts.reason);
  }
}

/** The manager is draining or closed; the call was not sent. */
export class ClosedError extends ConnectionError {
  declare readonly code: 'RU_CLOSED';

  static {
    identify(this, 'ClosedError', 'RU_CLOSED');
  }

  constructor(what: string, endpoint = '') {
    super(`${what} is closed, nothing was sent`, { endpoint, reason: 'closed', outcome: 'not-sent' });
  }
}

/** No dedicated connection became free within the time allowed. */
export class PoolTimeoutError extends ConnectionError {
  declare readonly code: 'RU_POOL_TIMEOUT';
  readonly waitedMs: number;
  readonly size: number;
  readonly max: number;

  static {
    identify(this, 'PoolTimeoutError', 'RU_POOL_TIMEOUT');
  }

  constructor(facts: { endpoint: string; waitedMs: number; size: number; max: number; opening: number }) {
    const used = facts.size - facts.opening;
    const why =
      facts.opening === 0
        ? `${used} of ${facts.max} in use) – release leases sooner or raise \`pool.max\``
        : `${used} of ${facts.max} in use, ${facts.opening} being made) – the server is slow to accept connections`;
    super(`No connection became free within ${facts.waitedMs} ms (${why}`, {
      endpoint: facts.endpoint,
      reason: 'pool',
      outcome: 'not-sent',
    });
    this.waitedMs = facts.waitedMs;
    this.size = facts.size;
    this.max = facts.max;
  }
}

/**
 * What a missed deadline points to: the server (or the link to it) does not answer; it does not read what is sent to it,
 * so that commands pile up here; the node of a cluster that the command is for is away; or this process stood still.
 */
export type Diagnosis = 'server-unresponsive' | 'back-pressure' | 'network' | 'event-loop-lag';

const DIAGNOSES: Readonly<Record<Diagnosis, string>> = {
  'server-unresponsive': '',
  'back-pressure': '; commands pile up because the server does not keep up with reading',
  network: '; the node that it is for is away',
  'event-loop-lag': '; this process stood still meanwhile',
};

/** A deadline passed. With outcome `unknown` the server may still run, or have run, the command. */
export class TimeoutError extends RedisUtilsError {
  declare readonly code: 'RU_TIMEOUT';
  readonly operation: string;
  readonly timeoutMs: number;
  readonly outcome: Outcome;
  /** Undefined where the time was not spent on one command. */
  readonly diagnosis: Diagnosis | undefined;
  /** Trying again later may succeed. */
  readonly retryable = true;

  static {
    identify(this, 'TimeoutError', 'RU_TIMEOUT');
  }

  constructor(operation: string, timeoutMs: number, facts: { outcome?: Outcome; diagnosis?: Diagnosis } = {}) {
    const { outcome = 'unknown', diagnosis } = facts;
    super(
      `${operation} got no answer within ${timeoutMs} ms` +
        (outcome === 'unknown' ? ' – the server may have run it' : ' – it was not sent') +
        (diagnosis === undefined ? '' : DIAGNOSES[diagnosis]),
    );
    this.operation = operation;
    this.timeoutMs = timeoutMs;
    this.outcome = outcome;
    this.diagnosis = diagnosis;
  }
}

/** Refusals that pass by themselves, or with a change of roles. */
const PASSING: ReadonlySet<string> = new Set(
  'LOADING BUSY MASTERDOWN CLUSTERDOWN TRYAGAIN MOVED ASK READONLY OOM NOREPLICAS MISCONF NOGOODSLAVE'.split(' '),
);

/** The server answered with an error. `replyCode` is its first word: `NOPERM`, `WRONGTYPE`, `OOM`, `ERR`, … */
export class ServerError extends RedisUtilsError {
  declare readonly code: 'RU_SERVER';
  readonly replyCode: string;
  readonly command: string;
  /** The refusal speaks of the server's condition: trying again later may succeed. */
  readonly retryable: boolean;

  static {
    identify(this, 'ServerError', 'RU_SERVER');
  }

  constructor(reply: string, command: string) {
    // for an unknown command the server repeats its first arguments, which may be values
    super(`${command}: ${reply.replace(/,? with args beginning with:.*$/s, '')}`);
    this.replyCode = reply.split(' ', 1)[0] ?? 'ERR';
    this.command = command;
    this.retryable = PASSING.has(this.replyCode);
  }
}

/** The server answered in a shape that the command cannot have; something else stands between or behind it. */
export class BadReplyError extends RedisUtilsError {
  declare readonly code: 'RU_BAD_REPLY';
  readonly operation: string;

  static {
    identify(this, 'BadReplyError', 'RU_BAD_REPLY');
  }

  constructor(operation: string, expected: string, received: unknown) {
    super(`${operation}: expected the reply to be ${expected}, got ${typeOf(received)}`);
    this.operation = operation;
  }
}

/** The type of a value in words that fit a message, never the value itself. */
export function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'object') {
    const name = (value as { constructor?: { name?: string } }).constructor?.name;
    return name === undefined || name === 'Object' ? 'an object' : `a ${name}`;
  }
  if (typeof value === 'undefined') return 'undefined';
  return `a ${typeof value}`;
}
