import type { NearIsolation } from './near-options.js';

/** Whether one object may be given to all, who cannot change it or are not to. It is frozen where that is asked for. */
export function mayShare(value: unknown, isolation: NearIsolation): boolean {
  if (isolation === 'share') return true;
  if (isolation === 'clone') return !isObject(value);
  if (!isPlain(value)) return false;
  freeze(value);
  return true;
}

/** Of data that can be frozen through and through: dates, bytes, maps and sets can be changed all the same. */
function isPlain(value: unknown): boolean {
  if (!isObject(value)) return true;
  if (Array.isArray(value)) return value.every(isPlain);
  const prototype: unknown = Object.getPrototypeOf(value);
  return (prototype === Object.prototype || prototype === null) && Object.values(value).every(isPlain);
}

/** @param value as the codec has made it: without cycles, and not deeper than it permits */
function freeze(value: unknown): void {
  if (!isObject(value) || Object.isFrozen(value)) return;
  for (const part of Object.values(value)) freeze(part);
  Object.freeze(value);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
