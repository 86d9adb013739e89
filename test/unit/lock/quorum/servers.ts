import { LockQuorum, type LockQuorumOptions } from '../../../../src/lock/index.js';
import { VirtualClock, World } from '../world.js';

/** Several servers on one virtual clock, and processes that use them as a quorum. */
export class Servers {
  readonly clock = new VirtualClock();
  readonly worlds: readonly World[];

  constructor(count: number) {
    this.worlds = Array.from(
      { length: count },
      (_, index) => new World({ clock: this.clock, name: `server-${index}` }),
    );
  }

  /** A further process. */
  quorum(options?: LockQuorumOptions): LockQuorum {
    return new LockQuorum(
      this.worlds.map((world) => world.process()),
      options,
    );
  }

  at(index: number): World {
    return this.worlds[index] as World;
  }

  /** Who has the vote of each server; undefined: nobody. */
  owners(hash: string): (string | undefined)[] {
    return this.worlds.map(({ locks, clock }) => {
      const held = locks.get(hash);
      return held === undefined || held.owner === '' || held.endMs <= clock.nowMs ? undefined : held.owner;
    });
  }

  /** Another's vote, given for so long. */
  occupy(hash: string, indexes: readonly number[], ms: number): void {
    for (const index of indexes) {
      this.at(index).locks.set(hash, { owner: 'another', fence: 1, endMs: this.clock.nowMs + ms });
    }
  }

  async close(): Promise<void> {
    for (const world of this.worlds) await world.close();
  }
}
