// @ts-check
import { RateLimiter } from 'redis-utils';

import { show } from '../screen.mjs';

/** @param {import('redis-utils').RedisManager} manager */
export async function limiting(manager) {
  const limiter = new RateLimiter(manager);
  const decisions = await Promise.all(Array.from({ length: 12 }, () => limiter.checkTokenBucket('user:123', 10, 5)));
  show(
    'a bucket of 10, refilled by 5 a second; 12 requests',
    `${decisions.filter(({ allowed }) => allowed).length} allowed`,
  );
  const denied = decisions.find(({ allowed }) => !allowed);
  show('a denial is a value that says when to come back', `in ${denied?.retryAfterMs} ms`);
  show('headers for the response', denied?.headers());
  const large = await limiter.checkTokenBucket('user:123', 10, 5, { cost: 11 });
  show('more than the bucket ever holds', `retry after ${large.retryAfterMs}`);
}
