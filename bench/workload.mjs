/** What every contender stores, sends and decides on: the same for all of them. */

export const KEYS = 1000;

/** A small object, about 200 bytes as JSON. */
export function record(n) {
  return {
    id: n,
    name: `Person Number ${n}`,
    mail: `person.${n}@example.test`,
    roles: ['reader', 'editor'],
    active: n % 2 === 0,
    score: n * 1.5,
    address: { street: `${n} Long Street`, town: 'Springfield' },
  };
}

export const RECORDS = Array.from({ length: KEYS }, (_, n) => record(n));
