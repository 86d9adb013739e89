import { createHmac, hash, type KeyObject } from 'node:crypto';

import type { KeySpace } from '../core/key-space.js';
import type { Random } from '../core/random.js';
import type { SessionTag } from './events.js';

/** 256 bits: what guessing and collisions need not be thought about with. */
const ID_BYTES = 32;

/** 32 bytes in base64url without padding. */
const ID_PATTERN = /^[A-Za-z0-9_-]{43}$/;

/** Where a session is stored and how it is called in events. Neither tells the id. */
export interface SessionName {
  readonly key: string;
  readonly tag: SessionTag;
}

/**
 * Makes session ids and turns them into key names. Redis sees only the hash of an id, so that a dump, a replica or a
 * `MONITOR` log holds nothing that can be presented as a session.
 */
export class SessionIds {
  readonly #keys: KeySpace;
  readonly #random: Random;
  readonly #pepper: KeyObject | undefined;

  constructor(o: { keys: KeySpace; random: Random; pepper: KeyObject | undefined }) {
    this.#keys = o.keys;
    this.#random = o.random;
    this.#pepper = o.pepper;
  }

  create(): string {
    return this.#random.bytes(ID_BYTES).toString('base64url');
  }

  /** Undefined for anything that `create` cannot have made, so that it never reaches the server. */
  name(id: unknown): SessionName | undefined {
    return typeof id === 'string' && ID_PATTERN.test(id) ? this.nameOf(id) : undefined;
  }

  /** As `name`, for an id that `create` just made. */
  nameOf(id: string): SessionName {
    const hashed = this.#hash(id);
    return { key: this.#keys.key(hashed), tag: hashed.slice(0, 12) };
  }

  /** Stands for a user id in Redis: equal for equal users, and with a pepper not to be guessed from a list of them. */
  userTag(userId: string): string {
    return this.#hash(`user:${userId}`); // no session id has a colon
  }

  #hash(text: string): string {
    if (this.#pepper === undefined) return hash('sha256', text, 'base64url');
    return createHmac('sha256', this.#pepper).update(text).digest('base64url');
  }
}
