import type { Keyspace } from './keyspace.js';
import type { Session, Watches } from './server.js';

/** Which sessions watch which keys. */
export class WatchedKeys implements Watches {
  readonly #watched = new Map<Keyspace, Map<string, Set<Session>>>();
  readonly #bySession = new Map<Session, (readonly [Keyspace, string])[]>();

  watch(session: Session, key: string): void {
    const { database } = session;
    // an expired key counts as absent from here on
    database.find(key);
    let byKey = this.#watched.get(database);
    if (byKey === undefined) this.#watched.set(database, (byKey = new Map()));
    const sessions = byKey.get(key);
    if (sessions === undefined) byKey.set(key, new Set([session]));
    else sessions.add(session);
    const own = this.#bySession.get(session);
    if (own === undefined) this.#bySession.set(session, [[database, key]]);
    else own.push([database, key]);
  }

  forget(session: Session): void {
    for (const [database, key] of this.#bySession.get(session) ?? []) {
      const byKey = this.#watched.get(database);
      const sessions = byKey?.get(key);
      sessions?.delete(session);
      if (sessions?.size === 0) byKey?.delete(key);
      if (byKey?.size === 0) this.#watched.delete(database);
    }
    this.#bySession.delete(session);
  }

  keyChanged(database: Keyspace, key: string): void {
    if (this.#watched.size === 0) return;
    for (const session of this.#watched.get(database)?.get(key) ?? []) session.isDirty = true;
  }

  /** Removes watched keys whose time has come, which makes their session dirty. */
  expire(session: Session): void {
    for (const [database, key] of this.#bySession.get(session) ?? []) database.find(key);
  }
}
