/** Those who take part, by the names of their files, and those who cannot. */
export const peers = [
  'redis-utils',
  'bentocache',
  'cacheable',
  'cache-manager',
  'async-cache-dedupe',
  'cachified',
  'keyv',
];

export const absent = [{ name: 'layered-loader', version: '16.1.0', why: 'needs Node 22' }];
