import type { Tenure } from '../calls/tenure.js';
import type { Gathered } from './gather.js';

/**
 * Who has the votes of a majority: undefined when nobody has, `'open'` while that is not decided. Its fence is the one
 * that most of its voters keep; a majority does, but not each of them may have answered.
 */
export function majorityTenure(
  { answers, failures, pending }: Gathered<unknown, Tenure | undefined>,
  needed: number,
): Tenure | undefined | 'open' {
  const votes = answers.map(({ answer }) => answer).filter((vote) => vote !== undefined);
  const [most = []] = grouped(votes, ({ token }) => token);
  if (most.length < needed) return most.length + failures.length + pending >= needed ? 'open' : undefined;
  const [[agreed] = []] = grouped(most, ({ fence }) => fence);
  const remainingMs = most.map((vote) => vote.remainingMs).toSorted((a, b) => b - a)[needed - 1];
  return { ...(agreed as Tenure), remainingMs: remainingMs as number };
}

/** Those alike together, the largest group first. */
function grouped(votes: readonly Tenure[], by: (vote: Tenure) => unknown): Tenure[][] {
  const groups = new Map<unknown, Tenure[]>();
  for (const vote of votes) groups.set(by(vote), [...(groups.get(by(vote)) ?? []), vote]);
  return [...groups.values()].toSorted((a, b) => b.length - a.length);
}
