/**
 * The traps, in the order of their numbers: `needs` are methods of an instance and features of an adapter; `run` says
 * 'pass' or `{ fail: what was seen }`; `jobs` are what other processes do.
 */
import { clocks } from './clocks.mjs';
import { keyspace } from './keyspace.mjs';
import { loads } from './loads.mjs';
import { near } from './near.mjs';
import { outages } from './outages.mjs';
import { tags } from './tags.mjs';
import { values } from './values.mjs';

const number = ({ id }) => (id.startsWith('T') ? Number.parseInt(id.slice(1), 10) : 99);

export const traps = [...loads, ...tags, ...clocks, ...near, ...values, ...outages, ...keyspace].sort(
  (one, two) => number(one) - number(two) || one.id.localeCompare(two.id),
);
