import { BadReplyError } from '../../../core/errors.js';
import { SLOTS } from '../../../core/key-slot.js';
import type { Reply } from '../../driver.js';
import type { Address } from '../../config/settings.js';

/** Slots in a row that belong to one primary. */
export interface SlotRange {
  readonly first: number;
  readonly last: number;
  readonly primary: Address;
}

/** The cluster in the eyes of one node. */
export interface Topology {
  readonly ranges: readonly SlotRange[];
  /** Primaries that serve slots, and their replicas, each once. Nodes that have failed are left out by the servers. */
  readonly members: readonly Address[];
  /** Names that nodes go by beside the address that they are called by, at that address. */
  readonly hostnames: ReadonlyMap<string, string>;
}

/** An address as a map key and as servers write it. */
export function nameOfAddress({ host, port }: Address): string {
  return `${host}:${port}`;
}

/**
 * The reply of `CLUSTER SLOTS`.
 * @param askedHost stands for the host of a node that is to be reached where the answer came from
 * @throws BadReplyError
 */
export function readTopology(reply: Reply, askedHost: string): Topology {
  if (!Array.isArray(reply)) throw new BadReplyError('CLUSTER SLOTS', 'a list', reply);
  const members = new Map<string, Address>();
  const hostnames = new Map<string, string>();
  const ranges = (reply as readonly Reply[]).map((entry) => {
    const [first, last, ...nodes] = Array.isArray(entry) ? (entry as readonly Reply[]) : [];
    const [primary, ...replicas] = nodes.map((node) => {
      const address = readNode(node, askedHost);
      const hostname = hostnameOf(node);
      if (address !== undefined && hostname !== undefined) hostnames.set(nameOfAddress(address), hostname);
      return address;
    });
    if (!isSlot(first) || !isSlot(last) || first > last || primary === undefined) {
      throw new BadReplyError('CLUSTER SLOTS', 'ranges of slots with their nodes', entry);
    }
    for (const node of [primary, ...replicas]) if (node !== undefined) members.set(nameOfAddress(node), node);
    return { first, last, primary };
  });
  return { ranges, members: [...members.values()], hostnames };
}

function readNode(node: Reply, askedHost: string): Address | undefined {
  const [host, port, , more] = Array.isArray(node) ? (node as readonly Reply[]) : [];
  if (!isPort(port)) return undefined;
  // '?': it was to be called by its name, which it does not know
  const ip = host === '?' && isRecord(more) ? more['ip'] : undefined;
  return { host: knownHost(ip ?? host, askedHost), port };
}

/** The name in the facts that come with an address, where the node is called by something else. */
function hostnameOf(node: Reply): string | undefined {
  const facts = Array.isArray(node) ? (node as readonly Reply[])[3] : undefined;
  const hostname = isRecord(facts) ? facts['hostname'] : undefined;
  return typeof hostname === 'string' && hostname !== '' ? hostname : undefined;
}

function isSlot(value: Reply | undefined): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < SLOTS;
}

function isPort(value: Reply | undefined): value is number {
  return Number.isInteger(value) && (value as number) > 0 && (value as number) < 65_536;
}

function isRecord(value: Reply | undefined): value is { readonly [key: string]: Reply } {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !Buffer.isBuffer(value);
}

/** A host that is left out, or that its own node does not know, is the one that was asked. */
function knownHost(host: Reply | undefined, askedHost: string): string {
  return typeof host === 'string' && host !== '' && host !== '?' ? host : askedHost;
}

/** Where a `MOVED` or `ASK` error points to. */
export interface Redirection {
  readonly kind: 'moved' | 'ask';
  readonly slot: number;
  readonly to: Address;
}

const REDIRECTION = /(MOVED|ASK) (\d+) (\S*):(\d+)$/;

/**
 * Reads the message of an error reply; undefined when it points nowhere.
 * @param from the host that answered: it stands for a host that is left out
 */
export function readRedirection(message: string, from: string): Redirection | undefined {
  const [, kind, slot, host, port] = REDIRECTION.exec(message) ?? [];
  if (!isSlot(Number(slot)) || !isPort(Number(port))) return undefined;
  const to = { host: knownHost(host, from), port: Number(port) };
  return { kind: kind === 'ASK' ? 'ask' : 'moved', slot: Number(slot), to };
}
