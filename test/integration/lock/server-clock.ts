import { eventually } from '../../support/eventually.js';
import { raw } from '../../support/target.js';

/** The server's own time in microseconds. */
async function serverMicros(): Promise<bigint> {
  const [seconds, micros] = (await raw(['TIME'])) as [string, string];
  return BigInt(seconds) * 1_000_000n + BigInt(micros);
}

/** The server's own time in milliseconds. */
export async function serverMs(): Promise<number> {
  return Number((await serverMicros()) / 1000n);
}

/** Waits until the clock, which the embedded engine reads in milliseconds, is past a fence whose hash is lost. */
export async function clockPast(fence: bigint): Promise<void> {
  await eventually(async () => (await serverMicros()) > fence);
}
