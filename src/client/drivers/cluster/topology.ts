import { BadReplyError } from '../../../core/errors.js';
import { SLOTS } from '../../../core/key-slot.js';
import type { Reply } from '../../driver.js';
import type { Address } from '../../settings.js';

/** Slots in a row that belong to one primary. */
export interface SlotRange {
  readonly first: number;
  readonly last: number;
  readonly primary: Address;
}

/** An address as a map key and as servers write it. */
export function nameOfAddress({ host, port }: Address): string {
  return `${host}:${port}`;
}

/**
 * The reply of `CLUSTER SLOTS`.
 * @param askedHost stands for a node that does not know its own name
 */
export function readTopology(reply: Reply, askedHost: string): readonly SlotRange[] {
  if (!Array.isArray(reply)) throw new BadReplyError('CLUSTER SLOTS', 'a list', reply);
  return (reply as readonly Reply[]).map((entry) => readRange(entry, askedHost));
}

function readRange(entry: Reply, askedHost: string): SlotRange {
  const [first, last, node] = Array.isArray(entry) ? (entry as readonly Reply[]) : [];
  const [host, port] = Array.isArray(node) ? (node as readonly Reply[]) : [];
  if (!isSlot(first) || !isSlot(last) || typeof port !== 'number') {
    throw new BadReplyError('CLUSTER SLOTS', 'ranges of slots with their nodes', entry);
  }
  return { first, last, primary: { host: knownHost(host, askedHost), port } };
}

function isSlot(value: Reply | undefined): value is number {
  return typeof value === 'number' && value >= 0 && value < SLOTS;
}

function knownHost(host: Reply | undefined, askedHost: string): string {
  return typeof host === 'string' && host !== '' && host !== '?' ? host : askedHost;
}

/** Where a `MOVED` or `ASK` error points to. */
export interface Redirection {
  readonly kind: 'moved' | 'ask';
  readonly slot: number;
  readonly to: Address;
}

const REDIRECTION = /(MOVED|ASK) (\d+) (.*):(\d+)$/;

/** @param from the host that answered: it stands for a host that is left out */
export function readRedirection(message: string, from: string): Redirection | undefined {
  const match = REDIRECTION.exec(message);
  if (match === null) return undefined;
  const [, kind, slot, host, port] = match;
  const to = { host: knownHost(host, from), port: Number(port) };
  return { kind: kind === 'ASK' ? 'ask' : 'moved', slot: Number(slot), to };
}
