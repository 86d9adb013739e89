import { formatAddress } from '../../config/address.js';
import type { Address } from '../../config/settings.js';
import type { Word } from './answer.js';

interface Known {
  readonly address: Address;
  readonly key: string;
  readonly configured: boolean;
  id: string | undefined;
}

/** Sentinels that are asked at most, the configured ones not counted. */
const MAX_LEARNT = 32;

/**
 * The sentinels there are to ask, whoever answered last first: those of the configuration, and those that they name, so
 * that over time every one of them may be replaced by another.
 */
export class Roster {
  #known: readonly Known[];

  constructor(configured: readonly Address[]) {
    const keys = new Set<string>();
    const isFirst = (address: Address): boolean => keys.size < keys.add(formatAddress(address)).size;
    this.#known = configured
      .filter(isFirst)
      .map((address) => ({ address, key: formatAddress(address), configured: true, id: undefined }));
  }

  get addresses(): readonly Address[] {
    return this.#known.map(({ address }) => address);
  }

  /** A sentinel has answered: it goes to the front, and whom it names is added. */
  answered(address: Address, { id, peers }: Word): void {
    this.#moveTo('front', address);
    const [first] = this.#known;
    if (first !== undefined) first.id = id ?? first.id;
    for (const peer of peers) {
      const key = formatAddress(peer.address);
      // the same sentinel may be configured by its name and be called by its address
      const isKnown = this.#known.some((each) => each.key === key || (peer.id !== undefined && each.id === peer.id));
      if (!isKnown) this.#known = [...this.#known, { address: peer.address, key, configured: false, id: peer.id }];
    }
    this.#forget(new Set(peers.map((peer) => formatAddress(peer.address))));
  }

  /** A sentinel was lost: the others are asked before it. */
  lost(address: Address): void {
    this.#moveTo('back', address);
  }

  /** Where too many were learnt, those go first that are not named any more. */
  #forget(named: ReadonlySet<string>): void {
    const [answerer] = this.#known;
    let excess = this.#known.filter(({ configured }) => !configured).length - MAX_LEARNT;
    for (const stays of [({ key }: Known) => named.has(key), () => false]) {
      this.#known = this.#known.filter((each) => each.configured || each === answerer || stays(each) || excess-- <= 0);
    }
  }

  #moveTo(end: 'front' | 'back', address: Address): void {
    const key = formatAddress(address);
    const moved = this.#known.filter((each) => each.key === key);
    const others = this.#known.filter((each) => each.key !== key);
    this.#known = end === 'front' ? [...moved, ...others] : [...others, ...moved];
  }
}
