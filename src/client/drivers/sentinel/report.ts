import { ConnectionError, type ConnectionReason, ServerError } from '../../../core/errors.js';
import { formatAddress } from '../../config/address.js';
import type { Address, Settings } from '../../config/settings.js';
import type { Answer, SentinelTarget } from './sentinels.js';

interface Failure {
  readonly reason: ConnectionReason;
  readonly hint: string;
  readonly cause?: unknown;
}

/** Reasons that somebody has to do something about come first. */
const URGENT: readonly ConnectionReason[] = ['auth', 'permission', 'tls', 'protocol'];

/** What one search for the primary met, as the error that it ends with when it was in vain. */
export class Report {
  readonly #settings: Settings;
  readonly #target: SentinelTarget;
  readonly #sentinels = new Map<string, Failure | 'unknown' | Address>();
  readonly #servers = new Map<string, Failure>();

  constructor(settings: Settings, target: SentinelTarget) {
    this.#settings = settings;
    this.#target = target;
  }

  /** Notes that a sentinel is asked. */
  asked(sentinel: Address): void {
    const key = formatAddress(sentinel);
    if (!this.#sentinels.has(key)) this.#sentinels.set(key, this.#silent());
  }

  /** Notes what a sentinel said. */
  heard({ sentinel, word, error }: Answer): void {
    const said = error === undefined ? (word?.primary ?? 'unknown') : sentinelFailure(error);
    this.#sentinels.set(formatAddress(sentinel), said);
  }

  /** Notes that a server that was named is connected to. */
  trying(server: Address): void {
    const key = formatAddress(server);
    if (!this.#servers.has(key)) this.#servers.set(key, this.#silent());
  }

  /** Notes why that server is of no use. */
  met(server: Address, failure: Failure | Error): void {
    this.#servers.set(formatAddress(server), failure instanceof Error ? serverFailure(failure) : failure);
  }

  error(): ConnectionError {
    const { endpoint } = this.#settings;
    const [server] = this.#servers;
    const { reason, hint, cause } = server?.[1] ?? this.#notFound();
    const what = server === undefined ? 'Cannot find the primary' : 'Cannot connect to the primary';
    const where = server === undefined ? '' : ` at ${server[0]}`;
    const message = `${what} ${JSON.stringify(this.#target.master)}${where}: ${hint} (${this.#details()})`;
    return new ConnectionError(message, { endpoint, reason, outcome: 'not-sent', cause });
  }

  #silent(): Failure {
    return { reason: 'timeout', hint: `no answer within ${this.#settings.connectTimeoutMs} ms` };
  }

  #notFound(): Failure {
    const said = [...this.#sentinels.values()];
    const failures = said.filter((one): one is Failure => typeof one === 'object' && 'reason' in one);
    if (said.includes('unknown')) {
      return { reason: 'unreachable', hint: 'no sentinel knows a primary of that name – check `sentinel.master`' };
    }
    if (failures.length < said.length) {
      return { reason: 'unreachable', hint: 'what the sentinels say is older than what they said before' };
    }
    const urgent = failures.find(({ reason }) => URGENT.includes(reason));
    if (urgent !== undefined) return { ...urgent, hint: 'no sentinel can be asked' };
    return { reason: 'unreachable', hint: 'no sentinel can be reached', cause: failures[0]?.cause };
  }

  #details(): string {
    const lines = [...this.#sentinels].map(([key, said]) => {
      if (said === 'unknown') return `sentinel ${key} does not know it`;
      return 'host' in said ? `sentinel ${key} names ${formatAddress(said)}` : `sentinel ${key}: ${said.hint}`;
    });
    return lines.length === 0 ? 'nobody was asked' : lines.join('; ');
  }
}

function sentinelFailure(error: Error): Failure {
  if (error instanceof ServerError) {
    if (error.replyCode === 'NOPERM') {
      return { reason: 'permission', hint: 'its ACL user lacks +sentinel', cause: error };
    }
    return { reason: 'protocol', hint: 'it answers, and not as a sentinel does – is this its port?', cause: error };
  }
  const failure = serverFailure(error);
  return { ...failure, hint: failure.hint.replace('`password`', '`sentinel.password`') };
}

function serverFailure(error: Error): Failure {
  if (error instanceof ServerError) {
    return { reason: 'permission', hint: `does not tell its role (${error.message}) – +role is needed`, cause: error };
  }
  const reason = error instanceof ConnectionError ? error.reason : 'protocol';
  // the address stands before it already
  return { reason, hint: error.message.replace(/^Cannot connect to \S+: /, ''), cause: error };
}
