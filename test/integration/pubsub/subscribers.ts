import { rawOnEachNode } from '../../support/target.js';

/** How many connections are subscribed to each channel, at all servers of the target together. */
export async function subscribersOf(...names: readonly string[]): Promise<readonly number[]> {
  const counts = (await rawOnEachNode(['PUBSUB', 'NUMSUB', ...names])) as readonly (Buffer | number)[][];
  return names.map((_, index) => counts.reduce((sum, perNode) => sum + Number(perNode[index * 2 + 1]), 0));
}
