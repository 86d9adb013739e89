import { checkFunction, checkInteger } from '../../core/check.js';
import { ConfigError } from '../../core/errors.js';
import { LoadBatch } from '../loads/load-batch.js';
import { loadTogether } from '../loads/load-many.js';
import { loadThrough } from '../loads/load-through.js';
import type { Scope } from '../scope.js';
import { Defined, type Obtain } from './defined.js';
import type { Definition, DefinitionSpec } from './definition.js';
import { Naming } from './naming.js';

const KIND = { mark: 'def', path: 'define', input: 'id' } as const;
const MAX_BATCH = 128;

/** @throws ConfigError */
export function defineValues<K, T>(cache: Scope, spec: DefinitionSpec<K, T>): Definition<K, T> {
  const { load, loadMany, maxBatch, ...named } = spec;
  const obtain = obtainBy(cache, { load, loadMany, maxBatch });
  return new Defined<K, T>(new Naming<K>(cache, KIND, named), obtain);
}

type Loaders<K, T> = Pick<DefinitionSpec<K, T>, 'load' | 'loadMany' | 'maxBatch'>;

/** Where the values come from. */
function obtainBy<K, T>(cache: Scope, { load, loadMany, maxBatch = MAX_BATCH }: Loaders<K, T>): Obtain<K> {
  checkInteger('define.maxBatch', maxBatch, { min: 1, max: Number.MAX_SAFE_INTEGER });
  if (load !== undefined && loadMany === undefined) {
    checkFunction('define.load', load);
    return (scope, { id, key, options }) => loadThrough(scope, { key, load: (context) => load(id, context), options });
  }
  if (loadMany !== undefined && load === undefined) {
    checkFunction('define.loadMany', loadMany);
    const { clock } = cache.common.manager;
    const batch = new LoadBatch<K>({ load: loadMany, path: 'define.loadMany', maxBatch, clock });
    return (scope, loading) => loadTogether(scope, batch, loading);
  }
  const received = load === undefined ? 'neither' : 'both';
  throw new ConfigError([{ option: 'define.load', expected: 'either this or `loadMany`', received }]);
}
