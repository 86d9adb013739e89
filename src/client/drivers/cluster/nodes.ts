import { keySlot, SLOTS } from '../../../core/key-slot.js';
import type { QueuedCommand } from '../link/command-queue.js';
import type { Link } from '../link/link.js';
import type { Address } from '../../config/settings.js';
import { nameOfAddress, type Topology } from './topology.js';

/** A primary, or what was taken for one, and the connection that all callers share. */
export interface Node {
  readonly name: string;
  readonly address: Address;
  readonly link: Link;
}

/** The nodes that commands are sent to, and which of them serves which slot. */
export class Nodes {
  readonly #makeLink: (address: Address) => Link;
  readonly #byName = new Map<string, Node>();
  readonly #owners: (Node | undefined)[] = new Array<Node | undefined>(SLOTS).fill(undefined);
  /** Serve no slot any more; the last replies may still be on their way. */
  readonly #leaving = new Set<Link>();
  #list: readonly Node[] = [];
  #turn = 0;
  /** Called when nodes have come or gone. */
  onChange: () => void = () => {};

  constructor(makeLink: (address: Address) => Link) {
    this.#makeLink = makeLink;
  }

  get all(): readonly Node[] {
    return this.#list;
  }

  /** Nodes that are connected, beginning with another one each time. */
  get up(): readonly Node[] {
    this.#turn += 1;
    const list = this.#list;
    const inTurn = list.map((_, index) => list[(index + this.#turn) % list.length] as Node);
    return inTurn.filter(isUp);
  }

  get isUp(): boolean {
    return this.#list.some(isUp);
  }

  /** Some are away or silent. */
  get isAiling(): boolean {
    return this.#list.some(({ link }) => link.isAiling);
  }

  named(name: string): Node | undefined {
    return this.#byName.get(name);
  }

  /** Who serves the key, as far as is known. */
  ownerOf(key: string | Buffer): Node | undefined {
    return this.#owners[keySlot(key)];
  }

  /** One that is connected if there is one, in turn. */
  any(): Node | undefined {
    const list = this.#list;
    for (let step = 0; step < list.length; step += 1) {
      this.#turn += 1;
      const node = list[this.#turn % list.length] as Node;
      if (isUp(node)) return node;
    }
    return list[this.#turn % list.length];
  }

  /** The node at an address; `start` begins to connect when it is new. */
  at(address: Address, start: boolean): Node {
    const name = nameOfAddress(address);
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    const node: Node = { name, address, link: this.#makeLink(address) };
    this.#byName.set(name, node);
    this.#list = [...this.#byName.values()];
    if (start) node.link.start();
    this.onChange();
    return node;
  }

  /** One slot has another owner. */
  assign(slot: number, owner: Node): void {
    this.#owners[slot] = owner;
  }

  /**
   * Takes the picture for the true one.
   * @returns what waited for nodes that serve nothing any more, none of it sent
   */
  adopt({ ranges }: Topology, start: boolean): readonly QueuedCommand[] {
    const serving = new Set<Node>();
    this.#owners.fill(undefined);
    for (const { first, last, primary } of ranges) {
      const node = this.at(primary, start);
      serving.add(node);
      this.#owners.fill(node, first, last + 1);
    }
    for (const link of this.#leaving) if (link.retiring === 0) this.#leaving.delete(link);
    const waiting: QueuedCommand[] = [];
    for (const node of this.#list) {
      if (serving.has(node)) continue;
      this.#byName.delete(node.name);
      waiting.push(...node.link.retire());
      this.#leaving.add(node.link);
    }
    const before = this.#list.length;
    this.#list = [...this.#byName.values()];
    if (this.#list.length < before) this.onChange();
    return waiting;
  }

  destroy(): void {
    for (const { link } of this.#list) link.destroy();
    for (const link of this.#leaving) link.destroy();
    this.#byName.clear();
    this.#leaving.clear();
    this.#list = [];
    this.#owners.fill(undefined);
  }
}

function isUp({ link }: Node): boolean {
  return link.connection !== undefined;
}
