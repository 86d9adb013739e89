import type { ClusterNode } from './cluster-node.js';
import { SLOTS } from '../core/key-slot.js';

/** How one node sees the cluster: a line of `CLUSTER NODES` for each node that it knows. */
export interface NodeView {
  readonly id: string;
  readonly flags: readonly string[];
  /** Of a replica: whose. */
  readonly primaryId: string | undefined;
  readonly isLinked: boolean;
  /** Slots in the order in which they are written; ranges are spelled out. */
  readonly slots: readonly number[];
}

export async function viewOf(node: ClusterNode): Promise<readonly NodeView[]> {
  const text = await node.command<string>(['CLUSTER', 'NODES'], { timeout: '2s' });
  return text.trimEnd().split('\n').map(parseLine);
}

/** `ID ADDRESS FLAGS PRIMARY PING PONG EPOCH LINK SLOTS…` */
function parseLine(line: string): NodeView {
  const [id = '', , flags = '', primaryId = '-', , , , link, ...slots] = line.split(' ');
  return {
    id,
    flags: flags.split(','),
    primaryId: primaryId === '-' ? undefined : primaryId,
    isLinked: link === 'connected',
    // `[93->-ID]` and `[93-<-ID]` tell of a move, not of an owner
    slots: slots.filter((range) => !range.startsWith('[')).flatMap(spelledOut),
  };
}

function spelledOut(range: string): number[] {
  const [first = 0, last = first] = range.split('-').map(Number);
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

/** The id of each slot's owner, by slot. */
export function ownersIn(view: readonly NodeView[]): readonly (string | undefined)[] {
  const owners = new Array<string | undefined>(SLOTS).fill(undefined);
  for (const { id, slots } of view) for (const slot of slots) owners[slot] = id;
  return owners;
}

/** Who owns which slot and whom the running nodes follow: the same text where two nodes agree. */
export function topologyIn(view: readonly NodeView[], running: readonly ClusterNode[]): string {
  const following = running.map(({ id }) => view.find((node) => node.id === id)?.primaryId ?? '');
  return [...following, ...ownersIn(view)].join();
}

/** What is still in the way of a settled cluster, as one running node sees it; undefined when nothing is. */
export function unrestIn(view: readonly NodeView[], running: readonly ClusterNode[]): string | undefined {
  const ids = new Set(running.map(({ id }) => id));
  const known = view.filter(({ id }) => ids.has(id));
  if (known.length < ids.size) return `it knows ${known.length} of ${ids.size} nodes that run`;
  const unsure = known.find(({ flags, isLinked }) => !isLinked || flags.some((flag) => UNSURE.has(flag)));
  if (unsure !== undefined) return `it has no good link to ${unsure.id}`;
  const lost = ownersIn(view).findIndex((owner) => owner === undefined || !ids.has(owner));
  if (lost !== -1) return `no node that runs owns slot ${lost}`;
  const orphan = known.find(({ primaryId }) => primaryId !== undefined && !ids.has(primaryId));
  return orphan === undefined ? undefined : `${orphan.id} is the replica of a node that does not run`;
}

const UNSURE = new Set(['handshake', 'noaddr', 'fail', 'fail?']);
